import type { ClientHttp2Session } from "node:http2";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { call, envelope } from "../abuse/calls.ts";
import { startEchoProcess } from "../abuse/echo-process.ts";
import { type EchoRequest, EchoRequestSchema } from "../gen/echo/v1/echo_service_pb.ts";
import { openSession } from "../raw-http.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 200), seed: 20261121 };
const MB = 1_000_000;
const OK = 0;
const CODES = Array.from({ length: 17 }, (_, code) => code);
/** Whatever a damaged message tells the echo service to wait for. */
const IN_TIME = { "grpc-timeout": "2S" };

const echo = (text: string) => toBinary(EchoRequestSchema, create(EchoRequestSchema, { text }));
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const message = fc.oneof(bytes, fc.string().map(echo));

/** Runs a property on one connection to a server of its own; nothing may end either, be reported, or stay in memory. */
async function holds<T>(
  arbitrary: fc.Arbitrary<T>,
  property: (session: ClientHttp2Session, value: T) => Promise<void>,
) {
  const server = await startEchoProcess();
  const session = await openSession(server.port);
  await call(session, "Echo", envelope(echo("warm")));
  const startBytes = server.startPeak();
  await fc.assert(
    fc.asyncProperty(arbitrary, (value) => property(session, value)),
    parameters,
  );
  expect((await call(session, "Echo", envelope(echo("alive")))).grpcStatus).toBe(OK);
  expect(server.ended()).toBeUndefined();
  expect(server.stderr()).toBe("");
  expect(server.peakBytes() - startBytes).toBeLessThan(100 * MB);
}

/** The request that a message is, or undefined when it is none. */
function decode(message: Uint8Array): EchoRequest | undefined {
  try {
    return fromBinary(EchoRequestSchema, message);
  } catch {
    return undefined;
  }
}

test("one whole envelope with a request in it is answered OK, any other body with an error", async () => {
  const envelopes = fc.array(
    fc.record({
      message,
      flags: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 255 })),
      lie: fc.integer({ min: -3, max: 3 }),
    }),
    { maxLength: 2 },
  );
  const honest = fc.record({ message, flags: fc.constant(0), lie: fc.constant(0) }).map((one) => [one]);
  await holds(fc.oneof(envelopes, honest), async (session, parts) => {
    const body = Buffer.concat(
      parts.map(({ message, flags, lie }) => envelope(message, flags, Math.max(0, message.length + lie))),
    );
    const { httpStatus, grpcStatus } = await call(session, "Echo", body, IN_TIME);
    expect(httpStatus).toBe(200);
    expect(CODES).toContain(grpcStatus);
    const [first] = parts;
    const whole = first !== undefined && body.length === 5 + body.readUInt32BE(1) && first.flags === 0;
    const request = whole ? decode(body.subarray(5)) : undefined;
    if (request === undefined) expect(grpcStatus).not.toBe(OK);
    else if (request.behaviour === undefined) expect(grpcStatus).toBe(OK);
  });
});

test("a compressed body is answered OK when it is whole, with an error when it is not what it says", async () => {
  const compressed = fc.record({
    encoding: fc.constantFrom("gzip", "br"),
    text: fc.string(),
    // Where the compressed bytes are changed, as a fraction of their length; undefined: nowhere.
    damage: fc.option(
      fc.record({ at: fc.double({ min: 0, max: 0.99, noNaN: true }), by: fc.integer({ min: 1, max: 255 }) }),
      { nil: undefined },
    ),
    end: fc.option(fc.double({ min: 0, max: 0.99, noNaN: true }), { nil: undefined, freq: 4 }),
  });
  await holds(compressed, async (session, { encoding, text, damage, end }) => {
    const whole = encoding === "gzip" ? gzipSync(echo(text)) : brotliCompressSync(echo(text));
    const sent = Buffer.from(end === undefined ? whole : whole.subarray(0, Math.floor(end * whole.length)));
    const index = Math.floor((damage?.at ?? 0) * sent.length);
    if (damage && sent.length > 0) sent.writeUInt8((sent.readUInt8(index) + damage.by) % 256, index);
    const { grpcStatus } = await call(session, "Echo", envelope(sent, 1), { ...IN_TIME, "grpc-encoding": encoding });
    expect(CODES).toContain(grpcStatus);
    if (sent.equals(whole)) expect(grpcStatus).toBe(OK);
    // An empty message is no compressed data, but zero bytes may pass for an empty message.
    else if (end !== undefined && damage === undefined && sent.length > 0) expect(grpcStatus).not.toBe(OK);
  });
});

test("a timeout is kept when it is gRPC's, and INVALID_ARGUMENT when it is not", async () => {
  const valid = fc.tuple(fc.nat({ max: 99_999_999 }), fc.constantFrom(..."HMSmun")).map((parts) => parts.join(""));
  const visible = fc
    .string({ unit: fc.constantFrom(..."0123456789HMSmun .-+e"), maxLength: 12 })
    .map((text) => text.trim());
  await holds(fc.oneof(valid, visible), async (session, timeout) => {
    const { grpcStatus } = await call(session, "Echo", envelope(echo("x")), { "grpc-timeout": timeout });
    // Source: gRPC over HTTP/2, Requests: TimeoutValue is a positive integer of at most 8 digits.
    if (/^\d{1,8}[HMSmun]$/.test(timeout)) expect([OK, Code.DeadlineExceeded]).toContain(grpcStatus);
    else if (timeout !== "") expect(grpcStatus).toBe(Code.InvalidArgument);
  });
});

test("metadata of any name and value that HTTP allows changes no answer", async () => {
  const name = fc.stringMatching(/^x-[a-z0-9_.-]{1,20}(-bin)?$/);
  // Source: RFC 9110, 5.5 (field-value).
  const value = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 100,
  });
  const metadata = fc.dictionary(name, value, { maxKeys: 20 });
  await holds(metadata, async (session, headers) => {
    expect((await call(session, "Echo", envelope(echo("x")), headers)).grpcStatus).toBe(OK);
  });
});

test("a content type, an encoding or a timeout of any kind is answered, and never blamed on the server", async () => {
  const names = fc.constantFrom(
    "content-type",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-timeout",
    "content-length",
    "accept-encoding",
  );
  const likely = fc.constantFrom(
    "application/grpc",
    "application/grpc+json",
    "application/grpc-web-text",
    "application/proto",
    "gzip",
    "zstd",
    "identity",
  );
  const value = fc.oneof(likely, fc.string({ unit: "grapheme-ascii", maxLength: 30 }));
  await holds(fc.dictionary(names, value, { maxKeys: 3 }), async (session, headers) => {
    const { httpStatus, resetCode } = await call(session, "Echo", envelope(echo("x")), headers);
    // A content-length that is not the body's makes the request malformed (RFC 9113, 8.1.1).
    if (httpStatus === 0) expect(resetCode).not.toBe(0);
    else expect(httpStatus).not.toBe(500);
  });
});
