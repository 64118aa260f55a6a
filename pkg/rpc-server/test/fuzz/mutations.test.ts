import fc from "fast-check";
import { expect, test } from "vitest";
import { startEchoProcess } from "../abuse/echo-process.ts";
import { clientKind } from "../echo-clients.ts";
import { openSocket } from "../raw-http.ts";
import { type Encoding, http1Bytes, http2Bytes, type Protocol, wireRequest } from "./wire-requests.ts";

const numRuns = Number(process.env.FUZZ_RUNS ?? 200);
const MB = 1_000_000;

/** What may happen to bytes on their way; places are fractions of the length. */
type Mutation =
  | { kind: "set"; at: number; byte: number }
  | { kind: "drop" | "repeat"; at: number; length: number }
  | { kind: "insert"; at: number; bytes: Uint8Array }
  | { kind: "end"; at: number };

const at = fc.double({ min: 0, max: 1, noNaN: true });
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant("set"), at, byte: fc.nat({ max: 255 }) }),
  fc.record({ kind: fc.constantFrom("drop", "repeat"), at, length: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ kind: fc.constant("insert"), at, bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }) }),
  fc.record({ kind: fc.constant("end"), at }),
);

function mutate(bytes: Buffer, mutation: Mutation): Buffer {
  const index = Math.floor(mutation.at * bytes.length);
  const [before, after] = [bytes.subarray(0, index), bytes.subarray(index)];
  if (mutation.kind === "set") return Buffer.concat([before, Buffer.of(mutation.byte), after.subarray(1)]);
  if (mutation.kind === "drop") return Buffer.concat([before, after.subarray(mutation.length)]);
  if (mutation.kind === "repeat") return Buffer.concat([before, after.subarray(0, mutation.length), after]);
  return mutation.kind === "insert" ? Buffer.concat([before, mutation.bytes, after]) : before;
}

const validBytes = fc
  .record({
    http: fc.constantFrom(1, 2),
    protocol: fc.constantFrom<Protocol>("connect+json", "connect+proto", "grpc-web", "grpc"),
    encoding: fc.constantFrom<Encoding>("identity", "gzip", "br"),
    text: fc.string(),
    cuts: fc.array(at, { maxLength: 3 }),
  })
  .map(({ http, protocol, encoding, text, cuts }) => {
    const request = wireRequest(protocol, encoding, text);
    return http === 1 ? http1Bytes(request, cuts) : http2Bytes(request, { headers: cuts, body: cuts, padding: 0 });
  });

test("a damaged request leaves the connection no longer than its client stays, and the server serves on", async () => {
  const server = await startEchoProcess();
  const client = clientKind("grpc-js").connect(`http://127.0.0.1:${server.port}`);
  await client.unary("alive");
  const startBytes = server.startPeak();
  await fc.assert(
    fc.asyncProperty(validBytes, fc.array(mutation, { minLength: 1, maxLength: 4 }), async (valid, mutations) => {
      const socket = await openSocket(server.port);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      // Ends its side only: a server that waits for the rest, or forgets the connection, leaves this one open.
      socket.resume().end(mutations.reduce(mutate, valid));
      await expect(client.unary("alive", undefined, { timeoutMs: 20_000 })).resolves.toBe("alive");
      await closed;
    }),
    { numRuns, seed: 20261121 },
  );
  expect(server.ended()).toBeUndefined();
  expect(server.stderr()).toBe("");
  expect(server.peakBytes() - startBytes).toBeLessThan(100 * MB);
});
