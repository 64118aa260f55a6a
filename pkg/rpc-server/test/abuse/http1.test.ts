import type { Socket } from "node:net";
import { expect } from "vitest";
import { closed, pour, type Target, within } from "./target.ts";
import { type Abuse, GARBAGE_MB, withstand } from "./withstand.ts";

const PATH = "/echo.v1.EchoService/Echo";
const get = (textBytes: number) =>
  `GET ${PATH}?encoding=json&message=${encodeURIComponent(JSON.stringify({ text: "x".repeat(textBytes) }))} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (headers: string, path = PATH, type = "application/json") =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\n${headers}\r\n\r\n`;
const MIB = 1024 * 1024;

/** The status of each answer on a connection, as they come. */
function readStatuses(socket: Socket): number[] {
  const statuses: number[] = [];
  let rest = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    const read = rest + chunk;
    for (const [, status] of read.matchAll(/HTTP\/1\.1 (\d{3}) [^\r]*\r\n/g)) statuses.push(Number(status));
    // What may be the beginning of a status line; a whole one must not be read twice.
    rest = read.slice(Math.max(read.lastIndexOf("\r\n") + 2, read.length - 60));
  });
  return statuses;
}

/** Connections that have had an answer, so that the server knows of them, and that read nothing from then on. */
async function openDeaf(target: Target, count: number): Promise<Socket[]> {
  const sockets = await target.openMany(count);
  const answers = sockets.map((socket) => new Promise((resolve) => socket.once("data", resolve)));
  for (const socket of sockets) socket.write(get(1));
  await Promise.all(answers);
  for (const socket of sockets) socket.pause();
  return sockets;
}

/** Connections that send the same, byte by byte, after the same start; resolves with their statuses when all are closed. */
async function dripOn(target: Target, count: number, start: string, dripped: (index: number) => string) {
  const sockets = await target.openMany(count);
  const statuses = sockets.map(readStatuses);
  for (const socket of sockets) socket.write(start);
  let sent = 0;
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write(dripped(sent));
    sent++;
  }, 20);
  await within(6_000, Promise.all(sockets.map(closed))).finally(() => clearInterval(timer));
  return new Set(statuses.flat());
}

const rows: Abuse[] = [
  {
    name: "headers that drip get 408 after headersTimeoutMs",
    limits: { headersTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      expect(await dripOn(target, 100, `POST ${PATH} HTTP/1.1\r\nHost: a\r\nX: `, () => "x")).toEqual(new Set([408]));
    },
  },
  {
    name: "empty lines that drip before a request are not waited for longer than headersTimeoutMs",
    limits: { headersTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    attack: (target) => dripOn(target, 100, "\r\n", (index) => (index % 2 === 0 ? "\r" : "\n")),
  },
  {
    name: "a body that drips gets DEADLINE_EXCEEDED, as 504, after bodyTimeoutMs",
    limits: { bodyTimeoutMs: 1_000, keepAliveTimeoutMs: 500 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      expect(await dripOn(target, 100, post("Content-Length: 10000"), () => "x")).toEqual(new Set([504]));
    },
  },
  {
    name: "chunks that drip without an end get DEADLINE_EXCEEDED, as 504, after bodyTimeoutMs",
    limits: { bodyTimeoutMs: 1_000, keepAliveTimeoutMs: 500 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const statuses = await dripOn(target, 100, post("Transfer-Encoding: chunked"), () => "1\r\nx\r\n");
      expect(statuses).toEqual(new Set([504]));
    },
  },
  {
    name: "trailers that drip without an end are not waited for longer than bodyTimeoutMs",
    limits: { bodyTimeoutMs: 1_000, keepAliveTimeoutMs: 500 },
    growthMb: GARBAGE_MB,
    attack: (target) => dripOn(target, 100, `${post("Transfer-Encoding: chunked")}2\r\n{}\r\n0\r\n`, () => "x: y\r\n"),
  },
  {
    name: "a client stream that drips ends after requestTimeoutMs",
    limits: { headersTimeoutMs: 1_000, requestTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    attack: (target) =>
      dripOn(
        target,
        100,
        post("Transfer-Encoding: chunked", `${PATH}ClientStream`, "application/connect+json"),
        () => "7\r\n\0\0\0\0\x02{}\r\n",
      ),
  },
  {
    name: "a megabyte in chunks of one byte is answered",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const [socket] = await target.openMany(1);
      if (socket === undefined) return;
      const statuses = readStatuses(socket);
      const json = JSON.stringify({ text: "x".repeat(MIB) });
      await pour(socket, Buffer.from(post("Transfer-Encoding: chunked")));
      await pour(socket, Buffer.from(json.replaceAll(/./g, "1\r\n$&\r\n")));
      await pour(socket, Buffer.from("0\r\n\r\n"));
      await expect.poll(() => statuses, { timeout: 15_000 }).toEqual([200]);
    },
  },
  {
    name: "chunk extensions without an end, end the connection",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const socket = await target.open();
      await pour(socket, Buffer.from(`${post("Transfer-Encoding: chunked")}1;`));
      await pour(socket, Buffer.alloc(65_536, "x"), 500);
      await closed(socket);
    },
  },
  {
    name: "more headers than maxHeaders get 431",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const sockets = await target.openMany(100);
      const statuses = sockets.map(readStatuses);
      const headers = Array.from({ length: 1_000 }, (_, index) => `x${index}: y`).join("\r\n");
      for (const socket of sockets) socket.write(post(`${headers}\r\nContent-Length: 0`));
      await expect.poll(() => statuses.flat().length, { timeout: 15_000 }).toBe(100);
      expect(new Set(statuses.flat())).toEqual(new Set([431]));
    },
  },
  {
    name: "headers without an end get 431 at maxHeaderBytes",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const socket = await target.open();
      const statuses = readStatuses(socket);
      await pour(socket, Buffer.from(`POST ${PATH} HTTP/1.1\r\nHost: a\r\nX: `));
      await pour(socket, Buffer.alloc(65_536, "x"), 500);
      await closed(socket);
      expect([[431], []]).toContainEqual(statuses);
    },
  },
  {
    name: "5,000 pipelined requests are answered, each",
    // Node parses a chunk of 64 kB at once: hundreds of requests are then in flight.
    growthMb: GARBAGE_MB + 40,
    async attack(target) {
      const socket = await target.open();
      const statuses = readStatuses(socket);
      await pour(socket, Buffer.from(get(10).repeat(500)), 10);
      await expect.poll(() => statuses.length, { timeout: 15_000 }).toBe(5_000);
      expect(new Set(statuses)).toEqual(new Set([200]));
    },
  },
  {
    name: "pipelined requests whose answers are not read are not read either, and cut after sendTimeoutMs",
    limits: { sendTimeoutMs: 1_000 },
    growthMb: GARBAGE_MB,
    async attack(target) {
      const [socket] = await openDeaf(target, 1);
      if (socket === undefined) return;
      const body = JSON.stringify({ text: "x".repeat(100_000) });
      const poured = pour(socket, Buffer.from(post(`Content-Length: ${body.length}`) + body), 1_000);
      await expect.poll(target.connections, { timeout: 15_000 }).toBe(1);
      socket.destroy();
      await poured;
    },
  },
  {
    name: "pipelined answers that are read slowly cost little",
    growthMb: GARBAGE_MB,
    async attack(target) {
      const socket = await target.open();
      socket.pause();
      const body = JSON.stringify({ text: "x".repeat(100_000) });
      const poured = pour(socket, Buffer.from(post(`Content-Length: ${body.length}`) + body), 300);
      let read = 0;
      const timer = setInterval(() => {
        read += socket.read(16_384)?.length ?? 0;
      }, 5);
      await expect.poll(() => read, { timeout: 15_000 }).toBeGreaterThan(2 * MIB);
      clearInterval(timer);
      socket.destroy();
      await poured;
    },
  },
  {
    name: "30 clients that read nothing of a large answer are cut after sendTimeoutMs",
    limits: { sendTimeoutMs: 1_000 },
    // Each holds a request, an answer, and a copy of it on its way.
    growthMb: GARBAGE_MB + 140,
    async attack(target) {
      // Above what the kernel buffers for either side: 4 MiB and 6 MiB at most by Linux's defaults.
      const message = JSON.stringify({ text: "x".repeat(MIB), count: 30 });
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      const head = post(
        `Content-Length: ${message.length + 5}`,
        "/echo.v1.EchoService/EchoServerStream",
        "application/connect+json",
      );
      const request = Buffer.concat([Buffer.from(head), prefix, Buffer.from(message)]);
      const sockets = await openDeaf(target, 30);
      await Promise.all(sockets.map((socket) => pour(socket, request)));
      await expect.poll(target.connections, { timeout: 15_000 }).toBe(1);
    },
  },
];

withstand("http1", rows);
