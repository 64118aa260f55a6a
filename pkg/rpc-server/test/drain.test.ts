import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test, vi } from "vitest";
import { clientKinds } from "./echo-clients.ts";
import { FrameFlag, FrameType, getRequest, openFrames } from "./frame-client.ts";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";
import { exchange, openSession, openSocket, readToEnd, readUntil, request } from "./raw-http.ts";
import { startEchoServer } from "./start-echo-server.ts";
import { watchCalls } from "./watch-calls.ts";

const UNARY = "/echo.v1.EchoService/Echo";
const PLENTY = { timeoutMs: 10_000 };

function slowGet(text: string, delayMs: number): string {
  const message = encodeURIComponent(JSON.stringify({ text, behaviour: { delayMs } }));
  return `GET ${UNARY}?encoding=json&message=${message} HTTP/1.1\r\nHost: a\r\n\r\n`;
}

/** A server streaming call, in the Connect protocol. */
function streamRequest(count: number, delayMs: number): string {
  const message = JSON.stringify({ text: "hi", count, behaviour: { delayMs } });
  const length = Buffer.alloc(5);
  length.writeUInt32BE(message.length, 1);
  return (
    `POST /echo.v1.EchoService/EchoServerStream HTTP/1.1\r\nHost: a\r\nContent-Type: application/connect+json\r\n` +
    `Content-Length: ${message.length + 5}\r\n\r\n${length.toString("latin1")}${message}`
  );
}

describe.each(clientKinds)("while draining, $name", ({ connect }) => {
  test("gets the answers of all calls in flight", async () => {
    const watch = watchCalls();
    const { server, baseUrl, errors } = await startEchoServer({ interceptors: [watch.interceptor] });
    const client = connect(baseUrl);
    const texts = Array.from({ length: 40 }, (_, i) => `call ${i}`);
    const answers = Promise.all(texts.map((text) => client.unary(text, { delayMs: 150 })));
    const streamed = client.serverStream("many", 5, { delayMs: 40 });
    await watch.begun(41);

    const drained = server.drain(PLENTY);
    await expect(answers).resolves.toEqual(texts);
    await expect(streamed).resolves.toHaveLength(5);
    await expect(drained).resolves.toEqual({ abortedCalls: 0 });
    await expect(client.unary("late")).rejects.toThrow();
    expect(errors).toEqual([]);
  });

  test("gets UNAVAILABLE for the calls that take too long", async () => {
    const watch = watchCalls();
    const { server, baseUrl, errors } = await startEchoServer({ interceptors: [watch.interceptor] });
    const client = connect(baseUrl);
    const calls = [
      client.unary("", { delayMs: 60_000 }),
      client.unary("", { delayMs: 60_000 }),
      client.serverStream("", 1, { delayMs: 60_000 }),
    ].map((call) => expect(call).rejects.toMatchObject({ code: Code.Unavailable }));
    await watch.begun(3);

    await expect(server.drain({ timeoutMs: 50 })).resolves.toEqual({ abortedCalls: 3 });
    await Promise.all(calls);
    for (const { reason } of watch.signals) {
      expect(reason).toBeInstanceOf(ConnectError);
      expect(reason).toMatchObject({ code: Code.Unavailable });
    }
    expect(errors).toEqual([]);
  });

  test("gets UNAVAILABLE also from a handler that ignores its signal", async () => {
    const watch = watchCalls();
    const { server, baseUrl } = await startEchoServer({
      interceptors: [watch.interceptor],
      routes: (router) => router.rpc(EchoService.method.echo, () => new Promise(() => {})),
    });
    const call = expect(connect(baseUrl).unary("")).rejects.toMatchObject({ code: Code.Unavailable });
    await watch.begun(1);
    await expect(server.drain({ timeoutMs: 0 })).resolves.toEqual({ abortedCalls: 1 });
    await call;
  });
});

describe("HTTP/1.1 connections", () => {
  test("that are idle are closed at once, and wait for nobody else's call", async () => {
    const watch = watchCalls();
    const { server, port, baseUrl } = await startEchoServer({ interceptors: [watch.interceptor] });
    const socket = await openSocket(port);
    socket.write(slowGet("hi", 0));
    await readUntil(socket, /"hi"/);
    const other = new AbortController();
    const call = fetch(`${baseUrl}${slowGet("x", 60_000).split(" ")[1]}`, { signal: other.signal });
    await watch.begun(2);
    const drained = server.drain(PLENTY);
    await expect(readToEnd(socket)).resolves.toBe("");
    other.abort();
    await expect(call).rejects.toThrow();
    await expect(drained).resolves.toEqual({ abortedCalls: 0 });
  });

  test("with a call in flight are told to close with its answer", async () => {
    const watch = watchCalls();
    const { server, port } = await startEchoServer({ interceptors: [watch.interceptor] });
    const answer = exchange(port, slowGet("hi", 100));
    await watch.begun(1);
    await expect(server.drain(PLENTY)).resolves.toEqual({ abortedCalls: 0 });
    await expect(answer).resolves.toMatch(/^HTTP\/1\.1 200 OK\r\nconnection: close\r\n.*"hi"/is);
  });

  test("whose answer has begun are closed after its end, and wait for nobody else's call", async () => {
    const watch = watchCalls();
    const { server, port, baseUrl } = await startEchoServer({ interceptors: [watch.interceptor] });
    const socket = await openSocket(port);
    socket.write(streamRequest(3, 30));
    expect(await readUntil(socket, /"hi"/)).not.toMatch(/connection: close/i);
    const other = new AbortController();
    const call = fetch(`${baseUrl}${slowGet("x", 60_000).split(" ")[1]}`, { signal: other.signal });
    await watch.begun(2);
    const rest = readToEnd(socket);
    const drained = server.drain(PLENTY);
    await expect(rest).resolves.toMatch(/"hi","index":2.*\r\n0\r\n\r\n$/s);
    other.abort();
    await expect(call).rejects.toThrow();
    await expect(drained).resolves.toEqual({ abortedCalls: 0 });
  });

  test("that send the next request behind such an answer have it served, and told to close", async () => {
    const { server, port } = await startEchoServer();
    const socket = await openSocket(port);
    socket.write(streamRequest(3, 50));
    await readUntil(socket, /"hi"/);
    const drained = server.drain(PLENTY);
    const rest = readToEnd(socket);
    socket.write(slowGet("next", 0));
    await expect(rest).resolves.toMatch(/"index":2.*\r\nHTTP\/1\.1 200 OK\r\nconnection: close\r\n.*"next"/is);
    await expect(drained).resolves.toEqual({ abortedCalls: 0 });
  });

  test("that pipelined requests get all answers, and are told to close with the last", async () => {
    const watch = watchCalls();
    const { server, port, errors } = await startEchoServer({ interceptors: [watch.interceptor] });
    const answers = exchange(port, slowGet("first", 100) + slowGet("second", 50) + slowGet("third", 100));
    await watch.begun(3);
    await expect(server.drain(PLENTY)).resolves.toEqual({ abortedCalls: 0 });
    await expect(answers).resolves.toMatch(/"first".*"second".*connection: close.*"third"/is);
    expect((await answers).match(/connection: close/gi)).toHaveLength(1);
    expect(errors).toEqual([]);
  });

  test("that pipeline a request behind the answer that says close do not have it executed", async () => {
    const watch = watchCalls();
    const { server, port } = await startEchoServer({ interceptors: [watch.interceptor] });
    server.announceDrain();
    const socket = await openSocket(port);
    socket.write(streamRequest(4, 50));
    await readUntil(socket, /connection: close/i);
    socket.write(slowGet("second", 0));
    await expect(readToEnd(socket)).resolves.toMatch(/"index":3.*\r\n0\r\n\r\n$/s);
    expect(watch.signals).toHaveLength(1);
  });

  test("that are kept alive and busy lose no call when the server drains, announced or not", async () => {
    for (const announced of [false, true]) {
      const { server, baseUrl } = await startEchoServer();
      const agent = new Agent({ keepAlive: true, maxSockets: 8 });
      let answered = 0;
      const onAnswer = () => {
        answered += 1;
      };
      const url = `${baseUrl}${slowGet("x", 1).split(" ")[1]}`;
      const workers = Array.from({ length: 8 }, () => callUntilRefused(url, agent, onAnswer));
      await vi.waitUntil(() => answered > 40, { timeout: 15_000, interval: 5 });
      if (announced) {
        server.announceDrain();
        await vi.waitUntil(() => answered > 60, { timeout: 15_000, interval: 5 });
      }
      await expect(server.drain(PLENTY)).resolves.toEqual({ abortedCalls: 0 });

      // Each ends with a connection that is refused, or was just being made: that was no call yet.
      await expect(Promise.all(workers)).resolves.toEqual(workers.map(() => "new connection"));
      agent.destroy();
    }
  });

  test("are told to close with every answer once a drain is announced, while new ones are still served", async () => {
    const { server, port } = await startEchoServer();
    server.announceDrain();
    for (const text of ["first", "second"]) {
      await expect(exchange(port, slowGet(text, 0))).resolves.toMatch(new RegExp(`connection: close.*"${text}"`, "is"));
    }
  });
});

/** Calls again and again until one fails; says what kind of connection that one was on. */
async function callUntilRefused(url: string, agent: Agent, onAnswer: () => void): Promise<string> {
  while (true) {
    const failedOn = await new Promise<string | undefined>((resolve) => {
      const request = get(url, { agent }, (response) => response.resume().once("end", () => resolve(undefined)));
      request.on("error", () => resolve(request.reusedSocket ? "kept connection" : "new connection"));
    });
    if (failedOn !== undefined) return failedOn;
    onAnswer();
  }
}

describe("HTTP/2 connections", () => {
  test("get a first GOAWAY that refuses nothing, and the last one after a round trip", async () => {
    const { server, port } = await startEchoServer();
    const client = await openFrames(port);
    await client.next(FrameType.settings);
    const drained = server.drain(PLENTY);

    const first = await client.next(FrameType.goaway);
    expect(first.payload.readUInt32BE(0)).toBe(2 ** 31 - 1);
    expect(first.payload.readUInt32BE(4)).toBe(0);
    const ping = await client.next(FrameType.ping);
    // What a client sends that has not read the GOAWAY yet.
    client.send(getRequest(`${UNARY}?encoding=json&message=%7B%22text%22%3A%22late%22%7D`));
    client.send({ type: FrameType.ping, flags: FrameFlag.ack, payload: ping.payload });

    expect((await client.next(FrameType.data)).payload.toString()).toBe('{"text":"late"}');
    await expect(drained).resolves.toEqual({ abortedCalls: 0 });
    await client.ended();
  });

  test("get a second GOAWAY that names the last call served", async () => {
    const { server, port } = await startEchoServer();
    const client = await openFrames(port);
    await client.next(FrameType.settings);
    const drained = server.drain(PLENTY);
    await client.next(FrameType.goaway);
    await client.answerPing();
    expect((await client.next(FrameType.goaway)).payload.readUInt32BE(0)).toBe(0);
    await drained;
  });

  test("that answer no ping hold the server up for no longer than its timeout", async () => {
    const { server, port } = await startEchoServer();
    const client = await openFrames(port);
    await client.next(FrameType.settings);
    const start = performance.now();
    await expect(server.drain({ timeoutMs: 50 })).resolves.toEqual({ abortedCalls: 0 });
    expect(performance.now() - start).toBeLessThan(900);
    await client.ended();
  });

  test.each([
    ["a gRPC client stream", "EchoClientStream", "application/grpc", "response", { "grpc-status": "14" }],
    ["a gRPC unary call", "Echo", "application/grpc", "response", { "grpc-status": "14" }],
    ["a Connect unary call", "Echo", "application/json", "response", { ":status": 503 }],
  ])("whose client never ends the request of %s get UNAVAILABLE", async (_, method, contentType, event, expected) => {
    const { server, port } = await startEchoServer();
    const session = await openSession(port);
    const stream = session.request({
      ":method": "POST",
      ":path": `/echo.v1.EchoService/${method}`,
      "content-type": contentType,
    });
    const answer = new Promise((resolve) => stream.once(event, resolve).resume());
    stream.on("error", () => {});
    await request(session, { ":path": "/nobody" }); // Sent after, so the stream above has arrived.
    await expect(server.drain({ timeoutMs: 20 })).resolves.toEqual({ abortedCalls: 1 });
    expect(await Promise.race([answer, new Promise((resolve) => stream.once("close", resolve))])).toMatchObject(
      expected,
    );
  });
});

test("connections whose protocol is not known yet are cut, and wait for nobody's call", async () => {
  const watch = watchCalls();
  const { server, port, baseUrl } = await startEchoServer({ interceptors: [watch.interceptor] });
  const silent = await openSocket(port);
  const begun = await openSocket(port);
  begun.write("PRI * HT");
  const other = new AbortController();
  const call = fetch(`${baseUrl}${slowGet("x", 60_000).split(" ")[1]}`, { signal: other.signal });
  await watch.begun(1);
  const drained = server.drain(PLENTY);
  await expect(Promise.all([readToEnd(silent), readToEnd(begun)])).resolves.toEqual(["", ""]);
  other.abort();
  await expect(call).rejects.toThrow();
  await expect(drained).resolves.toEqual({ abortedCalls: 0 });
});

test("a connection that is stuck in the middle of a request does not hold up the end", async () => {
  const { server, port } = await startEchoServer();
  const socket = await openSocket(port);
  socket.write("POST / HTTP/1.1\r\nHost");
  await exchange(port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  await expect(server.drain(PLENTY)).resolves.toEqual({ abortedCalls: 0 });
});

test("new connections are refused from the start", async () => {
  const watch = watchCalls();
  const { server, port, baseUrl } = await startEchoServer({ interceptors: [watch.interceptor] });
  const call = fetch(`${baseUrl}${slowGet("x", 100).split(" ")[1]}`);
  await watch.begun(1);
  const drained = server.drain(PLENTY);
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
  expect((await call).status).toBe(200);
  await drained;
});

test("a second drain gets the result of the first", async () => {
  const watch = watchCalls();
  const { server, baseUrl } = await startEchoServer({ interceptors: [watch.interceptor] });
  const call = fetch(`${baseUrl}${slowGet("x", 60_000).split(" ")[1]}`);
  await watch.begun(1);
  const drains = [server.drain({ timeoutMs: 50 }), server.drain(PLENTY)];
  await expect(Promise.all(drains)).resolves.toEqual([{ abortedCalls: 1 }, { abortedCalls: 1 }]);
  await expect(server.drain(PLENTY)).resolves.toEqual({ abortedCalls: 1 });
  expect((await call).status).toBe(503);
});

test("a server that never listened drains at once", async () => {
  const { server } = await startEchoServer();
  await server.close();
  await expect(server.drain(PLENTY)).resolves.toEqual({ abortedCalls: 0 });
});

test("close ends a drain that waits, and its calls count as aborted", async () => {
  const watch = watchCalls();
  const { server, baseUrl } = await startEchoServer({ interceptors: [watch.interceptor] });
  const call = expect(fetch(`${baseUrl}${slowGet("x", 60_000).split(" ")[1]}`)).rejects.toThrow();
  await watch.begun(1);
  const drained = server.drain({ timeoutMs: 2 ** 40 });
  await sleep(0);
  await server.close();
  await expect(drained).resolves.toEqual({ abortedCalls: 1 });
  await call;
});
