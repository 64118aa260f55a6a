import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameFlag, FrameType, readFrames } from "../frame-client.ts";
import { openSocket, readToEnd } from "../raw-http.ts";
import { startEchoServer } from "../start-echo-server.ts";
import { cut, http1Bytes, http2Bytes, type Protocol, wireRequest } from "./wire-requests.ts";

const numRuns = Number(process.env.FUZZ_RUNS ?? 100);
const seed = 20261121;

const places = (maxLength: number) => fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength });
const encodings = fc.constantFrom("identity", "gzip", "br");
/** Short ones, and some that need more than one frame of 16 KiB. */
const texts = fc.oneof(
  fc.string(),
  fc.nat({ max: 40_000 }).map((length) => "é".repeat(length / 2)),
);

/** Writes the pieces in packets of their own, as far as the kernel lets them be. */
async function exchangePieces(port: number, pieces: readonly Buffer[]): Promise<string> {
  const socket = await openSocket(port);
  const answer = readToEnd(socket);
  for (const piece of pieces) {
    socket.write(piece);
    await setImmediate();
  }
  return answer;
}

const body = (answer: string) => answer.slice(answer.indexOf("\r\n\r\n"));

test("a request over HTTP/1.1 gets the same answer however its chunks and packets are cut", async () => {
  const { port, errors } = await startEchoServer();
  const protocols = fc.constantFrom<Protocol>("connect+json", "connect+proto", "grpc-web");
  const chunks = places(6);
  const packets = places(6);
  await fc.assert(
    fc.asyncProperty(
      protocols,
      encodings,
      texts,
      chunks,
      packets,
      async (protocol, encoding, text, atChunks, atPackets) => {
        const request = wireRequest(protocol, encoding, text);
        const whole = await exchangePieces(port, [http1Bytes(request, [])]);
        const split = await exchangePieces(port, cut(http1Bytes(request, atChunks), atPackets));
        expect(whole).toMatch(/^HTTP\/1\.1 200 /);
        expect(split).toMatch(/^HTTP\/1\.1 200 /);
        expect(body(split)).toBe(body(whole));
      },
    ),
    { numRuns, seed },
  );
  expect(errors).toEqual([]);
});

interface Http2Answer {
  readonly data: string;
  /** The header blocks after the first one, which carries the date. */
  readonly trailers: readonly string[];
  readonly resetCode: number | undefined;
}

/** The answer on stream 1, on a connection of its own, so that the same headers have the same code in HPACK. */
async function exchangeFrames(port: number, pieces: readonly Buffer[]): Promise<Http2Answer> {
  const socket = await openSocket(port);
  const frames = readFrames(socket);
  for (const piece of pieces) {
    socket.write(piece);
    await setImmediate();
  }
  let data = "";
  const blocks: string[] = [];
  for await (const { type, flags, streamId, payload } of frames) {
    if (streamId !== 1) continue;
    if (type === FrameType.rstStream) return { data, trailers: blocks.slice(1), resetCode: payload.readUInt32BE(0) };
    if (type === FrameType.data) data += payload.toString("latin1");
    if (type === FrameType.headers) blocks.push(payload.toString("hex"));
    const carries = type === FrameType.data || type === FrameType.headers;
    if (carries && (flags & FrameFlag.endStream) !== 0) break;
  }
  return { data, trailers: blocks.slice(1), resetCode: undefined };
}

test("a request over HTTP/2 gets the same answer however its frames and packets are cut", async () => {
  const { port, errors } = await startEchoServer();
  const protocols = fc.constantFrom<Protocol>("connect+json", "connect+proto", "grpc-web", "grpc");
  const frames = fc.record({ headers: places(6), body: places(6), padding: fc.nat({ max: 255 }) });
  await fc.assert(
    fc.asyncProperty(
      protocols,
      encodings,
      texts,
      frames,
      places(6),
      async (protocol, encoding, text, atFrames, atPackets) => {
        const request = wireRequest(protocol, encoding, text);
        const whole = await exchangeFrames(port, [http2Bytes(request, { headers: [], body: [], padding: 0 })]);
        const split = await exchangeFrames(port, cut(http2Bytes(request, atFrames), atPackets));
        expect(whole).toMatchObject({ resetCode: undefined, trailers: { length: protocol === "grpc" ? 1 : 0 } });
        if (encoding === "identity" && protocol === "connect+json") {
          expect(JSON.parse(Buffer.from(whole.data, "latin1").toString())).toEqual(text === "" ? {} : { text });
        }
        expect(split).toEqual(whole);
      },
    ),
    { numRuns, seed },
  );
  expect(errors).toEqual([]);
});
