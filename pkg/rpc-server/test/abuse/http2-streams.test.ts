import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { expect } from "vitest";
import { encodeFrame, FrameFlag, FrameType } from "../frame-client.ts";
import { EchoRequestSchema, EchoServerStreamRequestSchema } from "../gen/echo/v1/echo_service_pb.ts";
import { beginCall, call, envelope } from "./calls.ts";
import { callBlock, literal } from "./hpack.ts";
import { openHttp2, requestFrame, streamIdOf, uint32 } from "./http2-attacker.ts";
import { closed, pour, type Target, within } from "./target.ts";
import { type Abuse, GARBAGE_MB, withstand } from "./withstand.ts";

const WINDOW_UPDATE = 8;
const REFUSED_STREAM = 7;
const PATIENT = { timeout: 15_000 };

const text = (bytes: number) => "x".repeat(bytes);
const echoOf = (bytes: number, delayMs = 0) =>
  envelope(toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: text(bytes), behaviour: { delayMs } })));
const streamOf = (bytes: number, count: number) =>
  envelope(
    toBinary(EchoServerStreamRequestSchema, create(EchoServerStreamRequestSchema, { text: text(bytes), count })),
  );

/** A whole call as frames. */
const wholeCall = (index: number, method: string, body: Buffer) =>
  Buffer.concat([
    requestFrame(index, callBlock(method)),
    encodeFrame({ type: FrameType.data, flags: FrameFlag.endStream, streamId: streamIdOf(index), payload: body }),
  ]);

/** Sends one byte at a time on all of them, until the server has done with each. */
async function drip<T>(outcomes: Promise<T>[], sendByte: () => void): Promise<T[]> {
  const timer = setInterval(sendByte, 20);
  return Promise.all(outcomes).finally(() => clearInterval(timer));
}

/** Calls whose answers, 60 MB in all, nobody reads. */
async function askForMore(target: Target, windowBytes: number, read: boolean) {
  const attacker = await openHttp2(target, { windowBytes });
  await attacker.settled();
  if (!read) attacker.socket.pause();
  const body = streamOf(15_000, 100);
  for (let index = 0; index < 40; index++) await pour(attacker.socket, wholeCall(index, "EchoServerStream", body));
  return attacker;
}

const rows: Abuse[] = [
  {
    name: "streams that never finish, on 10 connections, get DEADLINE_EXCEEDED after bodyTimeoutMs",
    limits: { bodyTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const sessions = await Promise.all(Array.from({ length: 10 }, () => target.openSession()));
      const calls = sessions.flatMap((session) =>
        Array.from({ length: 100 }, () => beginCall(session, "Echo").outcome),
      );
      const outcomes = await within(5_000, Promise.all(calls));
      expect(new Set(outcomes.map(({ grpcStatus }) => grpcStatus))).toEqual(new Set([Code.DeadlineExceeded]));
    },
  },
  {
    name: "streams above maxConcurrentStreams, before the client knows the limit, are refused",
    limits: { maxConcurrentStreams: 50, bodyTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const { socket, resets } = await openHttp2(target, { acknowledges: false });
      const requests = Array.from({ length: 100 }, (_, index) => requestFrame(index, callBlock("Echo")));
      await pour(socket, Buffer.concat(requests));
      await expect.poll(() => [...resets.values()].filter((code) => code === REFUSED_STREAM).length, PATIENT).toBe(50);
    },
  },
  {
    name: "10,000 streams above maxConcurrentStreams end the connection",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const { socket, settled } = await openHttp2(target);
      await settled();
      const make = (_: unknown, index: number) => requestFrame(index, callBlock("Echo"));
      await pour(socket, Buffer.concat(Array.from({ length: 10_000 }, make)));
      await closed(socket);
    },
  },
  {
    name: "bodies that drip get DEADLINE_EXCEEDED after bodyTimeoutMs, however long they go on",
    limits: { bodyTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const session = await target.openSession();
      const calls = Array.from({ length: 50 }, () => beginCall(session, "Echo"));
      const body = echoOf(10_000);
      let sent = 0;
      const sendByte = () => {
        for (const { stream } of calls) if (stream.writable) stream.write(body.subarray(sent, sent + 1));
        sent++;
      };
      const outcomes = await within(
        5_000,
        drip(
          calls.map(({ outcome }) => outcome),
          sendByte,
        ),
      );
      expect(new Set(outcomes.map(({ grpcStatus }) => grpcStatus))).toEqual(new Set([Code.DeadlineExceeded]));
    },
  },
  {
    name: "bodies slower than minBodyBytesPerSecond get DEADLINE_EXCEEDED long before bodyTimeoutMs",
    limits: { minBodyBytesPerSecond: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const { stream, outcome } = beginCall(await target.openSession(), "Echo");
      stream.write(echoOf(10_000).subarray(0, 5));
      const [slow] = await within(
        8_000,
        drip([outcome], () => stream.write("x")),
      );
      expect(slow?.grpcStatus).toBe(Code.DeadlineExceeded);
    },
  },
  {
    name: "headers that drip end the connection after idleTimeoutMs",
    limits: { idleTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const attackers = await Promise.all(Array.from({ length: 50 }, () => openHttp2(target)));
      // The acknowledgement of SETTINGS would end up inside the frame.
      await Promise.all(attackers.map(({ settled }) => settled()));
      const frame = requestFrame(0, literal("x", text(10_000)));
      let sent = 0;
      const sendByte = () => {
        for (const { socket } of attackers) if (socket.writable) socket.write(frame.subarray(sent, sent + 1));
        sent++;
      };
      await within(
        6_000,
        drip(
          attackers.map(({ socket }) => closed(socket)),
          sendByte,
        ),
      );
    },
  },
  {
    name: "answers that a window of 0 holds back are reset after sendTimeoutMs",
    limits: { sendTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const { socket, resets } = await askForMore(target, 0, true);
      await Promise.race([closed(socket), expect.poll(() => resets.size, PATIENT).toBe(40)]);
    },
  },
  {
    name: "large unary answers that a window of 0 holds back are reset after sendTimeoutMs, and bounded meanwhile",
    limits: { sendTimeoutMs: 1_000, maxConnectionBufferBytes: 8_000_000 },
    // Held twice: the request's bytes until they are decoded, the answer's until they are sent.
    growthMb: GARBAGE_MB + 24,
    async attack(target) {
      const session = await target.openSession({ settings: { initialWindowSize: 0 } });
      const body = echoOf(4_000_000);
      const outcomes = await within(8_000, Promise.all(Array.from({ length: 30 }, () => call(session, "Echo", body))));
      expect(outcomes.filter(({ resetCode, grpcStatus }) => resetCode === 0 && grpcStatus === 0)).toEqual([]);
    },
  },
  {
    name: "a connection that reads no answers is cut after sendTimeoutMs",
    limits: { sendTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      await askForMore(target, 2 ** 31 - 1, false);
      await expect.poll(target.connections, PATIENT).toBe(1);
    },
  },
  {
    name: "windows that open byte by byte cost little",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const { socket, answered, settled } = await askForMore(target, 0, true);
      await expect.poll(() => answered.size, PATIENT).toBe(40);
      const one = (_: unknown, index: number) =>
        encodeFrame({ type: WINDOW_UPDATE, streamId: streamIdOf(index), payload: uint32(1) });
      await pour(socket, Buffer.concat(Array.from({ length: 40 }, one)), 500);
      await settled();
    },
  },
  {
    name: "a client that answers no ping is cut, its calls with it",
    limits: { pingIntervalMs: 500, pingTimeoutMs: 500 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const { socket } = await openHttp2(target);
      await pour(socket, wholeCall(0, "Echo", echoOf(1, 60_000)));
      await within(5_000, closed(socket));
    },
  },
];

withstand("http2-streams", rows);
