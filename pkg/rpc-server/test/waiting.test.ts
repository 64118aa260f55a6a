import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import type { RpcServerOptions } from "../src/index.ts";
import { encodeHeaders, FrameFlag, FrameType, openFrames } from "./frame-client.ts";
import { connectBy, WIRES } from "./protocol-client.ts";
import { exchange, openSession, openSocket, readUntil } from "./raw-http.ts";
import { recordCalls } from "./record-calls.ts";
import { startEchoServer } from "./start-echo-server.ts";

const UNARY = "/echo.v1.EchoService/Echo";
const GRPC = { ":method": "POST", ":path": UNARY, "content-type": "application/grpc" };
/** Does not get smaller by compression, and is larger than a slice and a flow control window. */
const LARGE = randomBytes(300_000).toString("base64");

async function start(options: Partial<RpcServerOptions>) {
  const record = recordCalls();
  return { ...record, ...(await startEchoServer({ observers: [record.observer], ...options })) };
}

test.each(WIRES)("a large answer arrives whole by $protocol over HTTP/$httpVersion", async (wire) => {
  const { baseUrl } = await start({});
  const { text } = await connectBy(wire, baseUrl).echo({ text: LARGE });
  expect(text === LARGE).toBe(true);
});

describe("a body that does not come", () => {
  test("gets DEADLINE_EXCEEDED after bodyTimeoutMs over HTTP/2", async () => {
    const { port, ended, heard } = await start({ bodyTimeoutMs: 50 });
    const stream = (await openSession(port)).request(GRPC, { endStream: false });
    stream.on("error", () => {}).resume();
    const [headers] = await once(stream, "response");
    expect(headers).toMatchObject({ ":status": 200, "grpc-status": "4" });
    await ended();
    expect(heard).toEqual(["begin unary", "end DeadlineExceeded"]);
    // And is not waited for any longer than that.
    if (!stream.closed) await once(stream, "close");
  });

  test("gets 504 after bodyTimeoutMs over HTTP/1.1, and its connection is closed", async () => {
    const { port } = await start({ bodyTimeoutMs: 50 });
    const head = `POST ${UNARY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`;
    await expect(exchange(port, head)).resolves.toMatch(/^HTTP\/1\.1 504 .*"deadline_exceeded"/s);
  });

  test("after an answer that did not wait for it ends the stream after bodyTimeoutMs", async () => {
    const { port } = await start({ bodyTimeoutMs: 50 });
    const stream = (await openSession(port)).request({ ...GRPC, "content-type": "text/html" }, { endStream: false });
    stream.on("error", () => {}).resume();
    const [headers] = await once(stream, "response");
    expect(headers).toMatchObject({ ":status": 415 });
    if (!stream.closed) await once(stream, "close");
  });
});

describe("an answer that nobody takes", () => {
  test("is reset after sendTimeoutMs over HTTP/2", async () => {
    const { port, errors } = await start({ sendTimeoutMs: 50 });
    const client = await openFrames(port);
    const noWindow = Buffer.of(0, 4, 0, 0, 0, 0);
    client.send({ type: FrameType.settings, payload: noWindow });
    const path = `${UNARY}?encoding=json&message=%7B%22text%22%3A%22hi%22%7D`;
    const payload = encodeHeaders({ ":method": "GET", ":scheme": "http", ":authority": "a", ":path": path });
    client.send({ type: FrameType.headers, flags: FrameFlag.endHeaders | FrameFlag.endStream, streamId: 1, payload });
    expect(await client.next(FrameType.rstStream)).toMatchObject({ streamId: 1 });
    // Nor does it answer the ping that asks whether it reads anything at all.
    await client.ended();
    expect(errors).toEqual([]);
  });

  test("ends its connection after sendTimeoutMs over HTTP/1.1", async () => {
    const closed = Promise.withResolvers<void>();
    const { port, errors } = await start({
      sendTimeoutMs: 50,
      readMaxBytes: 1e8,
      writeMaxBytes: 1e8,
      maxConnectionBufferBytes: 1e9,
      observers: [{ connection: ({ type }) => type === "closed" && closed.resolve() }],
    });
    const socket = await openSocket(port);
    // More than the sockets of both ends hold; nobody reads here.
    const body = JSON.stringify({ text: "x".repeat(20_000_000) });
    const head = `POST ${UNARY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    socket.write(`${head}\r\nAccept-Encoding: identity\r\n\r\n${body}`);
    await closed.promise;
    expect(errors).toEqual([]);
  });
});

describe("an HTTP/2 connection", () => {
  test("without calls is told to leave after idleTimeoutMs", async () => {
    const { port } = await start({ idleTimeoutMs: 300 });
    const session = await openSession(port);
    const [code] = await once(session, "goaway");
    expect(code).toBe(0);
    if (!session.closed) await once(session, "close");
  });

  test("without calls whose client ignores that is cut", async () => {
    const { port } = await start({ idleTimeoutMs: 50, pingTimeoutMs: 50 });
    const client = await openFrames(port);
    await client.next(FrameType.goaway);
    await client.ended();
  });

  test("that answers no ping is cut, and one that does is not", async () => {
    const { port } = await start({ pingIntervalMs: 300, pingTimeoutMs: 300 });
    const good = await openSession(port);
    const deaf = await openFrames(port);
    await deaf.ended();
    expect(good.closed).toBe(false);
  });
});

test("an HTTP/1.1 client that waits to be told to continue is", async () => {
  const { port } = await start({});
  const socket = await openSocket(port);
  socket.write(
    `POST ${UNARY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n`,
  );
  await expect(readUntil(socket, /\r\n\r\n/)).resolves.toMatch(/^HTTP\/1\.1 100 /);
  socket.write("{}");
  await expect(readUntil(socket, /\{\}/)).resolves.toMatch(/^HTTP\/1\.1 200 /);
});

test("an HTTP/2 client that waits to be told to continue is", async () => {
  const { port } = await start({});
  const headers = { ...GRPC, "content-type": "application/json", expect: "100-continue" };
  const stream = (await openSession(port)).request(headers, { endStream: false });
  await once(stream, "continue");
  stream.end("{}");
  const [answer] = await once(stream, "response");
  expect(answer).toMatchObject({ ":status": 200 });
  stream.resume();
});
