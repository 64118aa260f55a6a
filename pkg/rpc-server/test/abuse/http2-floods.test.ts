import { expect } from "vitest";
import { encodeFrame, FrameFlag, FrameType } from "../frame-client.ts";
import { addedLiteral, callBlock, literal, NEWEST_ENTRY } from "./hpack.ts";
import { openHttp2, requestFrame, streamIdOf, uint32 } from "./http2-attacker.ts";
import { closed, pour, type Target } from "./target.ts";
import { type Abuse, GARBAGE_MB, withstand } from "./withstand.ts";

const PRIORITY = 2;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;
const UNKNOWN = 0x99;
const REFUSED_STREAM = 7;
const CANCEL = 8;
/** nghttp2's word for too many resets. */
const INTERNAL_ERROR = 2;
const ENHANCE_YOUR_CALM = 11;

const echo = callBlock("Echo");
const lastRequest = FrameFlag.endHeaders | FrameFlag.endStream;
const ping = encodeFrame({ type: FrameType.ping, payload: Buffer.alloc(8) });
const settings = encodeFrame({ type: FrameType.settings, payload: Buffer.from("000300000064", "hex") });
const emptyData = encodeFrame({ type: FrameType.data, streamId: 1 });
const paddedData = encodeFrame({
  type: FrameType.data,
  flags: 8,
  streamId: 1,
  payload: Buffer.of(20, ...Buffer.alloc(20)),
});
const priority = encodeFrame({ type: PRIORITY, streamId: 1, payload: Buffer.of(0, 0, 0, 3, 1) });
const windowOfConnection = encodeFrame({ type: WINDOW_UPDATE, payload: uint32(1) });
const unknown = encodeFrame({ type: UNKNOWN, payload: Buffer.alloc(8) });
const emptyContinuation = encodeFrame({ type: CONTINUATION, streamId: 1 });
const fullContinuation = encodeFrame({
  type: CONTINUATION,
  streamId: 1,
  payload: Buffer.concat(Array.from({ length: 4 }, (_, i) => literal(`x-${i}`, "x".repeat(4_000)))),
});
const openRequest = requestFrame(0, echo);

/** Many of a frame, or of a few, in pieces of about 64 kB. */
async function flood(target: Target, frames: Buffer, count: number, before: Buffer = Buffer.alloc(0)) {
  const attacker = await openHttp2(target);
  await pour(attacker.socket, before);
  const perChunk = Math.max(1, Math.floor(65_536 / frames.length));
  await pour(attacker.socket, Buffer.concat(Array(perChunk).fill(frames)), Math.ceil(count / perChunk));
  return attacker;
}

/** Streams 1, 3, 5, …, each made by `make`. */
async function floodStreams(target: Target, count: number, make: (index: number) => Buffer) {
  const attacker = await openHttp2(target);
  for (let index = 0; index < count; index += 100) {
    await pour(attacker.socket, Buffer.concat(Array.from({ length: 100 }, (_, i) => make(index + i))));
  }
  return attacker;
}

/** Many of a frame that has to be answered, on a connection that reads nothing, until the server closes it. */
async function overflow(target: Target, frame: Buffer): Promise<void> {
  const { socket, settled } = await openHttp2(target);
  await settled();
  socket.pause();
  // Enough for what the kernel buffers on either side: only then does the server notice.
  const overflowing = pour(socket, Buffer.concat(Array(4_000).fill(frame)), 1_000);
  await expect.poll(target.connections, { timeout: 15_000 }).toBe(1);
  socket.destroy();
  await overflowing;
}

const cancelled = (index: number) =>
  encodeFrame({ type: FrameType.rstStream, streamId: streamIdOf(index), payload: uint32(CANCEL) });

const rows: Abuse[] = [
  {
    name: "20,000 streams, each reset at once, end the connection",
    limits: { maxResetsPerSecond: 20 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const make = (index: number) => Buffer.concat([requestFrame(index, echo), cancelled(index)]);
      await closed((await floodStreams(target, 20_000, make)).socket);
    },
  },
  {
    name: "20,000 whole calls, each cancelled at once, end the connection",
    limits: { maxResetsPerSecond: 20 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const body = encodeFrame({ type: FrameType.data, flags: FrameFlag.endStream, payload: Buffer.alloc(5) });
      const make = (index: number) => {
        body.writeUInt32BE(streamIdOf(index), 5);
        return Buffer.concat([requestFrame(index, echo), body, cancelled(index)]);
      };
      await closed((await floodStreams(target, 20_000, make)).socket);
    },
  },
  {
    // CVE-2025-8671: the client provokes the resets that it does not send.
    name: "20,000 streams that the server is made to reset end the connection",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const make = (index: number) =>
        Buffer.concat([
          requestFrame(index, echo),
          encodeFrame({ type: WINDOW_UPDATE, streamId: streamIdOf(index), payload: uint32(0) }),
        ]);
      await closed((await floodStreams(target, 20_000, make)).socket);
    },
  },
  {
    name: "200,000 pings are absorbed, or end the connection",
    growthMb: GARBAGE_MB,
    attack: async (target) => (await flood(target, ping, 200_000)).settled(),
  },
  {
    name: "pings whose answers are not read end the connection",
    growthMb: GARBAGE_MB,
    attack: (target) => overflow(target, ping),
  },
  {
    name: "100,000 SETTINGS are absorbed, or end the connection",
    growthMb: GARBAGE_MB,
    attack: async (target) => (await flood(target, settings, 100_000)).settled(),
  },
  {
    name: "SETTINGS whose answers are not read end the connection",
    growthMb: GARBAGE_MB,
    attack: (target) => overflow(target, settings),
  },
  {
    name: "200,000 PRIORITY frames are absorbed, or end the connection",
    growthMb: GARBAGE_MB,
    attack: async (target) => (await flood(target, priority, 200_000)).settled(),
  },
  {
    name: "200,000 WINDOW_UPDATE frames are absorbed, or end the connection",
    growthMb: GARBAGE_MB,
    attack: async (target) => (await flood(target, windowOfConnection, 200_000)).settled(),
  },
  {
    name: "200,000 frames of a type that nobody knows are absorbed, or end the connection",
    growthMb: GARBAGE_MB,
    attack: async (target) => (await flood(target, unknown, 200_000)).settled(),
  },
  {
    name: "empty DATA frames without an end, end the connection",
    growthMb: GARBAGE_MB,
    attack: async (target) => closed((await flood(target, emptyData, 200_000, openRequest)).socket),
  },
  {
    name: "DATA frames of nothing but padding are absorbed, or end the connection",
    growthMb: GARBAGE_MB,
    attack: async (target) => (await flood(target, paddedData, 3_000, openRequest)).settled(),
  },
  {
    name: "CONTINUATION frames without an end, end the connection",
    growthMb: GARBAGE_MB,
    attack: async (target) => closed((await flood(target, fullContinuation, 2_000, requestFrame(0, echo, 0))).socket),
  },
  {
    name: "empty CONTINUATION frames without an end, end the connection",
    growthMb: GARBAGE_MB,
    attack: async (target) =>
      closed((await flood(target, emptyContinuation, 200_000, requestFrame(0, echo, 0))).socket),
  },
  {
    name: "headers above maxHeaderBytes, on 2,000 streams, reset each of them, or end the connection",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const block = Buffer.concat([echo, ...Array.from({ length: 4 }, (_, i) => literal(`x-${i}`, "x".repeat(4_050)))]);
      const { socket, resets } = await floodStreams(target, 2_000, (index) => requestFrame(index, block));
      await Promise.race([closed(socket), expect.poll(() => resets.size, { timeout: 15_000 }).toBe(2_000)]);
      expect([ENHANCE_YOUR_CALM, REFUSED_STREAM, INTERNAL_ERROR]).toEqual(
        expect.arrayContaining([...new Set(resets.values())]),
      );
    },
  },
  {
    name: "100 times more headers than maxHeaders, on 500 streams, are answered or reset",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const block = Buffer.concat([echo, ...Array.from({ length: 2_000 }, () => literal("x", "y"))]);
      const { socket, resets, answered } = await floodStreams(target, 500, (i) => requestFrame(i, block, lastRequest));
      const settled = () => new Set([...resets.keys(), ...answered]).size;
      await Promise.race([closed(socket), expect.poll(settled, { timeout: 15_000 }).toBe(500)]);
    },
  },
  {
    // RFC 7541, 7.3 (memory consumption): 16 kB on the wire say 64 MB of headers.
    name: "one header of 4,000 bytes named 16,000 times in a request resets its stream",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const references = Buffer.alloc(16_000, NEWEST_ENTRY);
      const block = Buffer.concat([echo, addedLiteral("x", "y".repeat(4_000))]);
      const make = (index: number) =>
        index === 0 ? requestFrame(0, block) : requestFrame(index, Buffer.concat([echo, references]));
      const { socket, resets } = await floodStreams(target, 200, make);
      await Promise.race([closed(socket), expect.poll(() => resets.size, { timeout: 15_000 }).toBe(199)]);
      expect(new Set(resets.values())).toEqual(new Set([ENHANCE_YOUR_CALM]));
    },
  },
];

withstand("http2-floods", rows);
