import { brotliCompressSync, gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { expect } from "vitest";
import { EchoRequestSchema } from "../gen/echo/v1/echo_service_pb.ts";
import { beginCall, call, envelope, type Outcome } from "./calls.ts";
import { closed, pour, type Target, within } from "./target.ts";
import { type Abuse, GARBAGE_MB, withstand } from "./withstand.ts";

const MIB = 1024 * 1024;
const COMPRESSED = 1;
const START_GROUP_OF_FIELD_100 = Buffer.of(0xa3, 0x06);
const echoOf = (text: string, delayMs = 0) =>
  envelope(toBinary(EchoRequestSchema, create(EchoRequestSchema, { text, behaviour: { delayMs } })));

/** 64 MiB of zeros, made when first needed. */
const bomb = (compress: (bytes: Uint8Array) => Buffer) => {
  let bytes: Buffer | undefined;
  return () => {
    bytes ??= compress(Buffer.alloc(64 * MIB));
    return bytes;
  };
};
const gzipBomb = bomb((bytes) => gzipSync(bytes, { level: 1 }));
const brotliBomb = bomb((bytes) => brotliCompressSync(bytes, { params: { 1: 1 } }));

const codes = (outcomes: readonly Outcome[]) => new Set(outcomes.map(({ grpcStatus }) => grpcStatus));

/** The same call on many streams of one connection. */
async function callMany(target: Target, count: number, body: Uint8Array, headers?: Record<string, string>) {
  const session = await target.openSession();
  return within(8_000, Promise.all(Array.from({ length: count }, () => call(session, "Echo", body, headers))));
}

/** The status of an answer over HTTP/1.1, whose connection is left open. */
async function post(target: Target, headers: string, body: Uint8Array): Promise<string | undefined> {
  const socket = await target.open();
  const status = Promise.withResolvers<string | undefined>();
  socket.setEncoding("latin1").on("data", (chunk: string) => status.resolve(/^HTTP\/1\.1 (\d+)/.exec(chunk)?.[1]));
  socket.once("close", () => status.resolve(undefined));
  const head = `POST /echo.v1.EchoService/Echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers}\r\n\r\n`;
  await pour(socket, Buffer.concat([Buffer.from(head), body]));
  return within(5_000, status.promise);
}

const bombRow = (encoding: string, bytes: () => Buffer, expandedMb: number): Abuse => ({
  name: `20 bodies that expand to 64 MiB by ${encoding} get RESOURCE_EXHAUSTED`,
  growthMb: GARBAGE_MB + 20 * expandedMb,
  async attack(target) {
    const outcomes = await callMany(target, 20, envelope(bytes(), COMPRESSED), { "grpc-encoding": encoding });
    expect(codes(outcomes)).toEqual(new Set([Code.ResourceExhausted]));
  },
});

const rows: Abuse[] = [
  // What is expanded up to readMaxBytes; brotli's window of 4 MiB comes on top (RFC 7932, 9.1).
  bombRow("gzip", gzipBomb, 4),
  bombRow("br", brotliBomb, 8),
  {
    name: "20 bodies that expand to 64 MiB over HTTP/1.1 get RESOURCE_EXHAUSTED, as 429",
    growthMb: GARBAGE_MB + 20 * 4,
    async attack(target) {
      const headers = `Content-Encoding: gzip\r\nContent-Length: ${gzipBomb().length}`;
      const statuses = await Promise.all(Array.from({ length: 20 }, () => post(target, headers, gzipBomb())));
      expect(new Set(statuses)).toEqual(new Set(["429"]));
    },
  },
  {
    name: "prefixes that claim 4 GiB get RESOURCE_EXHAUSTED before more comes",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const session = await target.openSession();
      const calls = Array.from({ length: 100 }, () => beginCall(session, "Echo"));
      for (const { stream } of calls) stream.write(envelope(Buffer.from("few"), 0, 2 ** 32 - 1));
      const outcomes = await within(4_000, Promise.all(calls.map(({ outcome }) => outcome)));
      expect(codes(outcomes)).toEqual(new Set([Code.ResourceExhausted]));
    },
  },
  {
    name: "1,000 prefixes that claim 4 MiB and bring nothing cost nothing, and get DEADLINE_EXCEEDED",
    limits: { bodyTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const sessions = await Promise.all(Array.from({ length: 10 }, () => target.openSession()));
      const calls = sessions.flatMap((session) => Array.from({ length: 100 }, () => beginCall(session, "Echo")));
      for (const { stream } of calls) stream.write(envelope(Buffer.from("few"), 0, 4 * MIB));
      const outcomes = await within(5_000, Promise.all(calls.map(({ outcome }) => outcome)));
      expect(codes(outcomes)).toEqual(new Set([Code.DeadlineExceeded]));
    },
  },
  {
    name: "a Content-Length of a petabyte gets RESOURCE_EXHAUSTED, as 429, before more comes",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const claim = "Content-Length: 1000000000000000";
      const statuses = await Promise.all(Array.from({ length: 100 }, () => post(target, claim, Buffer.from("{"))));
      expect(new Set(statuses)).toEqual(new Set(["429"]));
    },
  },
  {
    name: "bodies that never finish fill maxConnectionBufferBytes and no more",
    limits: { maxConnectionBufferBytes: 8 * MIB, bodyTimeoutMs: 2_000 },
    growthMb: GARBAGE_MB + 2 * 8,
    async attack(target) {
      // Node's client gives up at 10 MB of its own.
      const session = await target.openSession({ maxSessionMemory: 1_000 });
      const calls = Array.from({ length: 60 }, () => beginCall(session, "Echo"));
      for (const { stream } of calls) stream.write(envelope(Buffer.alloc(3 * MIB), 0, 4 * MIB));
      const outcomes = await within(6_000, Promise.all(calls.map(({ outcome }) => outcome)));
      expect([...codes(outcomes)].sort()).toEqual([Code.DeadlineExceeded, Code.ResourceExhausted]);
    },
  },
  {
    name: "bodies that never finish, on 100 connections, fill maxBufferBytes and no more",
    limits: { maxBufferBytes: 32 * MIB, bodyTimeoutMs: 2_000 },
    // Node reads from each connection before its call can be refused.
    growthMb: GARBAGE_MB + 2 * 34,
    async attack(target) {
      const body = Buffer.alloc(3 * MIB, "x");
      const statuses = await Promise.all(
        Array.from({ length: 100 }, () => post(target, "Content-Length: 4000000", body)),
      );
      expect(new Set(statuses)).toEqual(new Set(["429", "504"]));
    },
  },
  {
    name: "calls above maxCalls get UNAVAILABLE and RetryInfo at once, the others their answers",
    limits: { maxCalls: 50 },
    growthMb: GARBAGE_MB,
    refusesOthers: true,
    async attack(target) {
      const sessions = await Promise.all(Array.from({ length: 2 }, () => target.openSession()));
      const statuses: unknown[] = [];
      const outcomes = await Promise.all(
        Array.from({ length: 150 }, async (_, index) => {
          const session = sessions[index % 2] ?? (await target.openSession());
          const outcome = await within(10_000, call(session, "Echo", echoOf("x", 2_000)));
          statuses.push(outcome.grpcStatus);
          return outcome;
        }),
      );
      const refused = outcomes.filter(({ grpcStatus }) => grpcStatus === Code.Unavailable);
      expect(refused.length).toBeGreaterThanOrEqual(100);
      expect(outcomes.filter(({ grpcStatus }) => grpcStatus === 0).length).toBeGreaterThanOrEqual(49);
      expect(refused.filter(({ details }) => !details.includes("google.rpc.RetryInfo"))).toEqual([]);
      // All refusals come before the first answer, which takes two seconds.
      expect(statuses.slice(statuses.indexOf(0)).filter((status) => status !== 0)).toEqual([]);
    },
  },
  {
    name: "a message of 100,000 groups in each other gets INVALID_ARGUMENT",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const nested = Buffer.alloc(2 * 100_000, START_GROUP_OF_FIELD_100);
      const outcomes = await callMany(target, 20, envelope(nested));
      expect(codes(outcomes)).toEqual(new Set([Code.InvalidArgument]));
    },
  },
  {
    name: "JSON of a million arrays in each other gets INVALID_ARGUMENT, as 400",
    growthMb: GARBAGE_MB + 20,
    async attack(target) {
      const nested = Buffer.from(`{"x":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`);
      const statuses = await Promise.all(
        Array.from({ length: 3 }, () => post(target, `Content-Length: ${nested.length}`, nested)),
      );
      expect(new Set(statuses)).toEqual(new Set(["400"]));
    },
  },
  {
    // Three bytes each on the wire, and an object each for handlers that pass messages on: protobuf-es's readUnknownFields.
    name: "a message of a million unknown fields is answered, and costs what protobuf-es keeps of them",
    growthMb: GARBAGE_MB + 350,
    async attack(target) {
      const outcomes = await callMany(target, 3, envelope(Buffer.alloc(3_000_000, Buffer.of(0xa0, 0x06, 0x01))));
      expect(codes(outcomes)).toEqual(new Set([0]));
    },
  },
  {
    name: "500 messages in a unary call, and 100,000 empty ones, are refused",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const outcomes = [
        ...(await callMany(target, 5, Buffer.concat(Array(500).fill(echoOf("x".repeat(1_000)))))),
        ...(await callMany(target, 5, Buffer.alloc(500_000))),
      ];
      expect(codes(outcomes)).toEqual(new Set([Code.Unimplemented]));
    },
  },
  {
    name: "a body that goes on after its request was refused is thrown away, or cut",
    // The 262 MB that are thrown away lie outside the heap until they are collected.
    growthMb: GARBAGE_MB + 60,
    async attack(target) {
      const socket = await target.open();
      const head = "POST /nobody HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n";
      const poured = pour(socket, Buffer.concat([Buffer.from(head), Buffer.alloc(65_536)])).then(() =>
        pour(socket, Buffer.alloc(65_536), 4_000),
      );
      await Promise.race([closed(socket), within(10_000, poured)]);
    },
  },
];

withstand("bodies", rows);
