import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { RpcServerOptions } from "../src/index.ts";
import { encodeHeaders, type FrameClient, FrameFlag, FrameType, getRequest, openFrames } from "./frame-client.ts";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";
import { openSocket, readToEnd } from "./raw-http.ts";
import { startEchoServer } from "./start-echo-server.ts";
import { watchCalls } from "./watch-calls.ts";

// What a server is done with may still be on its way: answers that a client takes slowly, requests that come late.

const UNARY = "/echo.v1.EchoService/Echo";
const PLENTY = { timeoutMs: 20_000 };
const ANSWER_BYTES = 3_000_000;
/** Source: RFC 9113, 6.9.1 and 6.9.2. */
const LARGEST_WINDOW = 2 ** 31 - 1;
const FIRST_WINDOW = 65_535;

/** Every call is answered with much, `delayMs` after it came. */
async function startGenerous(delayMs: number, options: Partial<RpcServerOptions> = {}) {
  const watch = watchCalls();
  const text = "x".repeat(ANSWER_BYTES);
  const started = await startEchoServer({
    ...options,
    interceptors: [watch.interceptor],
    routes: (router) =>
      router.rpc(EchoService.method.echo, async () => {
        await sleep(delayMs);
        return { text };
      }),
  });
  return { ...started, watch };
}

const GET = getRequest(`${UNARY}?encoding=json&message=%7B%7D`);

/** Lets the server send all at once, as far as flow control goes. */
function openWindows(client: FrameClient): void {
  const initialWindow = Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]);
  client.send({ type: FrameType.settings, payload: initialWindow });
  client.send({ type: FrameType.windowUpdate, payload: uint32(LARGEST_WINDOW - FIRST_WINDOW) });
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Reads an answer at 2 MB/s, and updates windows as every client does, though nobody waits for it. Resolves to its size. */
async function readSlowly(client: FrameClient): Promise<number> {
  for (let bytes = 0; ; ) {
    const { payload, flags } = await client.next(FrameType.data);
    bytes += payload.length;
    client.send({ type: FrameType.windowUpdate, payload: uint32(payload.length) });
    if ((flags & FrameFlag.endStream) !== 0) return bytes;
    await sleep(payload.length / 2_000);
  }
}

describe("an answer that its client takes slowly arrives whole", () => {
  test("when the server drains meanwhile", async () => {
    const { server, port, watch } = await startGenerous(0);
    const client = await openFrames(port);
    openWindows(client);
    client.send(GET);
    await watch.begun(1);
    const drained = server.drain(PLENTY);
    await client.answerPing();
    expect(await readSlowly(client)).toBeGreaterThan(ANSWER_BYTES);
    client.cut();
    await expect(drained).resolves.toEqual({ abortedCalls: 0 });
  });

  test("with others, more than sockets hold, when the server drains meanwhile", async () => {
    const { server, port, watch } = await startGenerous(0, {
      maxConnectionBufferBytes: 2 ** 30,
      maxBufferBytes: 2 ** 30,
    });
    const client = await openFrames(port);
    openWindows(client);
    const calls = Array.from({ length: 8 }, (_, i) => 2 * i + 1);
    for (const streamId of calls) client.send({ ...GET, streamId });
    await watch.begun(calls.length);
    await sleep(200);
    const drained = server.drain(PLENTY);
    // Nothing is read meanwhile, and what the server says of its end has no room either.
    await sleep(300);
    const ended = new Set<number>();
    while (ended.size < calls.length) {
      const { streamId, flags } = await client.next(FrameType.data);
      if ((flags & FrameFlag.endStream) !== 0) ended.add(streamId);
    }
    client.cut();
    await expect(drained).resolves.toEqual({ abortedCalls: 0 });
  });

  test("when it was asked for as the server let go of an idle connection", async () => {
    // Longer than a connection without calls gets to leave.
    const { port } = await startGenerous(1_800, { idleTimeoutMs: 100 });
    const client = await openFrames(port);
    openWindows(client);
    await client.next(FrameType.goaway);
    client.send(GET);
    await client.answerPing();
    expect(await readSlowly(client)).toBeGreaterThan(ANSWER_BYTES);
    client.cut();
  });
});

describe("a client that keeps its connection in spite of all", () => {
  test("is waited for in a drain no longer than an answer may take", async () => {
    const { server, port } = await startEchoServer({ sendTimeoutMs: 300 });
    const client = await openFrames(port, { allowHalfOpen: true });
    client.send(GET);
    await client.next(FrameType.data);
    const start = performance.now();
    await expect(server.drain(PLENTY)).resolves.toEqual({ abortedCalls: 0 });
    expect(performance.now() - start).toBeLessThan(PLENTY.timeoutMs / 2);
    client.cut();
  });

  test("and does not end its request after the answer is asked to send no more", async () => {
    const { server, port } = await startEchoServer();
    const client = await openFrames(port);
    const post = encodeHeaders({ ":method": "POST", ":scheme": "http", ":authority": "a", ":path": "/nobody" });
    client.send({ type: FrameType.headers, flags: FrameFlag.endHeaders, streamId: 1, payload: post });
    await client.next(FrameType.headers);
    const drained = server.drain(PLENTY);
    await client.answerPing();
    const NO_ERROR = 0;
    expect((await client.next(FrameType.rstStream)).payload.readUInt32BE()).toBe(NO_ERROR);
    await expect(drained).resolves.toEqual({ abortedCalls: 0 });
  });

  test("and answers no ping is cut, in a call that it began as the server let go of it, too", async () => {
    const { port } = await startEchoServer({ idleTimeoutMs: 100, pingIntervalMs: 200, pingTimeoutMs: 300 });
    const client = await openFrames(port);
    await client.next(FrameType.goaway);
    const stream = encodeHeaders({
      ":method": "POST",
      ":scheme": "http",
      ":authority": "a",
      ":path": "/echo.v1.EchoService/EchoBidiStream",
      "content-type": "application/grpc",
    });
    client.send({ type: FrameType.headers, flags: FrameFlag.endHeaders, streamId: 1, payload: stream });
    await client.ended();
  });
});

test("a call on a connection that says late what it speaks is served in a drain", async () => {
  const { server, port } = await startEchoServer();
  const socket = await openSocket(port);
  const drained = server.drain(PLENTY);
  await sleep(40);
  socket.write("GET ");
  await sleep(100);
  const message = encodeURIComponent(JSON.stringify({ text: "late", behaviour: { delayMs: 900 } }));
  socket.write(`${UNARY}?encoding=json&message=${message} HTTP/1.1\r\nHost: a\r\n\r\n`);
  expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\nconnection: close\r\n.*"late"/is);
  await expect(drained).resolves.toEqual({ abortedCalls: 0 });
});

test("a client that sends its whole body before it reads gets an early answer from a server that is leaving", async () => {
  const { server, port } = await startEchoServer();
  server.announceDrain();
  const socket = await openSocket(port);
  const bytes = 3_000_000;
  socket.pause();
  socket.write(`POST /nobody HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`);
  for (let sent = 0; sent < bytes; sent += bytes / 30) {
    socket.write(Buffer.alloc(bytes / 30));
    await sleep(3);
  }
  // What the answer before did not say, the next one does.
  socket.write("GET /nobody HTTP/1.1\r\nHost: a\r\n\r\n");
  const answers = readToEnd(socket);
  socket.resume();
  expect(await answers).toMatch(/^HTTP\/1\.1 404 .*HTTP\/1\.1 404 .*connection: close/is);
});
