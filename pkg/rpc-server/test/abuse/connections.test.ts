import { expect } from "vitest";
import { encodeFrame, FrameFlag, FrameType } from "../frame-client.ts";
import { openHttp2 } from "./http2-attacker.ts";
import { closed, pour, type Target, within } from "./target.ts";
import { type Abuse, GARBAGE_MB, withstand } from "./withstand.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const PATH = "/echo.v1.EchoService/Echo?encoding=json&message=%7B%7D";
const MANY = 2_000;
/** A socket of Node with its buffers; an HTTP/2 session with nghttp2's tables. */
const KB_PER_SOCKET = 10;
const KB_PER_SESSION = 40;

/** Connections on which the same is sent once, and nothing after it. */
async function openAndSay(target: Target, count: number, bytes: Uint8Array) {
  const sockets = await target.openMany(count);
  await Promise.all(sockets.map((socket) => pour(socket, bytes)));
  return sockets;
}

const rows: Abuse[] = [
  {
    name: "2,000 connections that say nothing are closed after prefaceTimeoutMs",
    limits: { prefaceTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB + (MANY * KB_PER_SOCKET) / 1_000,
    async attack(target) {
      const sockets = await target.openMany(MANY);
      await within(8_000, Promise.all(sockets.map(closed)));
    },
  },
  {
    name: "2,000 connections that send half a preface are closed after prefaceTimeoutMs",
    limits: { prefaceTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB + (MANY * KB_PER_SOCKET) / 1_000,
    async attack(target) {
      const sockets = await openAndSay(target, MANY, PREFACE.subarray(0, 12));
      await within(8_000, Promise.all(sockets.map(closed)));
    },
  },
  {
    name: "a preface that drips is not waited for longer than prefaceTimeoutMs",
    limits: { prefaceTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const sockets = await target.openMany(100);
      let sent = 0;
      const timer = setInterval(() => {
        for (const socket of sockets) if (socket.writable) socket.write(PREFACE.subarray(sent, sent + 1));
        sent++;
      }, 200);
      await within(4_000, Promise.all(sockets.map(closed))).finally(() => clearInterval(timer));
      expect(sent).toBeLessThan(PREFACE.length);
    },
  },
  {
    name: "a preface without SETTINGS after it is not waited for longer than idleTimeoutMs",
    limits: { prefaceTimeoutMs: 1_000, idleTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const sockets = await openAndSay(target, 100, PREFACE);
      await within(8_000, Promise.all(sockets.map(closed)));
    },
  },
  {
    name: "2,000 HTTP/2 connections without streams get GOAWAY and are closed after idleTimeoutMs",
    limits: { idleTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB + (MANY * KB_PER_SESSION) / 1_000,
    async attack(target) {
      const attackers = await Promise.all(Array.from({ length: MANY }, () => openHttp2(target)));
      await within(6_000, Promise.all(attackers.map(({ socket }) => closed(socket))));
      expect(new Set(attackers.map(({ goaway }) => goaway()))).toEqual(new Set([0]));
    },
  },
  {
    name: "pings do not keep a connection without streams open",
    limits: { idleTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const { socket } = await openHttp2(target);
      const ping = encodeFrame({ type: FrameType.ping, payload: Buffer.alloc(8) });
      const timer = setInterval(() => socket.writable && socket.write(ping), 100);
      await within(5_000, closed(socket)).finally(() => clearInterval(timer));
    },
  },
  {
    name: "1,000 HTTP/1.1 connections are closed when they idle after an answer for keepAliveTimeoutMs",
    limits: { keepAliveTimeoutMs: 500 },
    growthMb: GARBAGE_MB + KB_PER_SOCKET,
    async attack(target) {
      const sockets = await openAndSay(target, 1_000, Buffer.from(`GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`));
      await within(6_000, Promise.all(sockets.map(closed)));
    },
  },
  {
    name: "connections above maxConnections are closed at once, and make room when they leave",
    limits: { maxConnections: 200, prefaceTimeoutMs: 60_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const sockets = await openAndSay(target, 1_000, PREFACE.subarray(0, 12));
      // One of the 200 is the bystander's.
      await expect.poll(() => sockets.filter((socket) => socket.closed).length, { timeout: 10_000 }).toBe(801);
      expect(target.connections()).toBe(200);
    },
  },
  {
    name: "5,000 connections that come and go leave nothing behind",
    growthMb: GARBAGE_MB,
    async attack(target) {
      for (let wave = 0; wave < 25; wave++) {
        const sockets = await openAndSay(target, 200, PREFACE);
        for (const socket of sockets) wave % 2 === 0 ? socket.resetAndDestroy() : socket.destroy();
      }
    },
  },
  {
    name: "1,000 clients that end their side and read on are let go",
    limits: { idleTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const settings = encodeFrame({ type: FrameType.settings, flags: FrameFlag.ack });
      const sockets = await openAndSay(target, 1_000, Buffer.concat([PREFACE, encodeFrame({ type: 4 }), settings]));
      for (const socket of sockets) socket.end();
      await within(4_000, Promise.all(sockets.map(closed)));
    },
  },
];

withstand("connections", rows);
