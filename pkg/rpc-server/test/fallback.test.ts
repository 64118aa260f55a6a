import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import type { RpcServerOptions } from "../src/index.ts";
import { exchange, openSession, openSocket, request } from "./raw-http.ts";
import { recordCalls } from "./record-calls.ts";
import { startEchoServer } from "./start-echo-server.ts";

type Fallback = NonNullable<RpcServerOptions["fallback"]>;

/** Answers with what it was asked. */
const page: Fallback = async (incoming, response) => {
  const body = await text(incoming);
  response.setHeader("content-type", "text/plain");
  response.end(`${incoming.method} ${incoming.url} ${incoming.headers["x-a"] ?? "-"} ${body}`);
};

async function startPages(options: Partial<RpcServerOptions> = {}) {
  const fallback = vi.fn(page);
  const record = recordCalls();
  const server = await startEchoServer({ fallback, observers: [record.observer], ...options });
  return { ...record, ...server, fallback };
}

const ORIGIN = "https://app.example.com";

/** The same request over both versions of HTTP: status, headers and body. */
const VERSIONS = {
  "HTTP/1.1": async (port: number, method: string, path: string, headers = {}, body?: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers,
      ...(body !== undefined && { body }),
    });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
  },
  "HTTP/2": async (port: number, method: string, path: string, headers = {}, body?: string) => {
    const all = { ":method": method, ":path": path, ...headers };
    return request(await openSession(port), all, body === undefined ? undefined : Buffer.from(body));
  },
};

describe.each(Object.entries(VERSIONS))("over %s a plain page", (_, ask) => {
  test("is got, with its query and headers", async () => {
    const { port } = await startPages();
    const answer = await ask(port, "GET", "/page?q=1", { "x-a": "b" });
    expect(answer).toMatchObject({ status: 200, headers: { "content-type": "text/plain" }, body: "GET /page?q=1 b " });
  });

  test("is posted to, with a body above a flow control window", async () => {
    const { port } = await startPages();
    const body = "x".repeat(200_000);
    await expect(ask(port, "POST", "/page", { "content-type": "text/plain" }, body)).resolves.toMatchObject({
      status: 200,
      body: `POST /page - ${body}`,
    });
  });

  test("has a head without a body", async () => {
    const { port } = await startPages();
    const answer = await ask(port, "HEAD", "/page");
    expect(answer).toMatchObject({ status: 200, headers: { "content-type": "text/plain" }, body: "" });
  });

  test("has CORS headers as calls have", async () => {
    const { port } = await startPages({ corsOrigins: [ORIGIN] });
    const answer = await ask(port, "GET", "/page", { origin: ORIGIN });
    expect(answer.headers).toMatchObject({
      vary: "Origin",
      "access-control-allow-origin": ORIGIN,
      "access-control-expose-headers": expect.stringMatching(/grpc-status/i),
    });
    const other = await ask(port, "GET", "/page", { origin: "https://evil.example.com" });
    expect(other.headers).toMatchObject({ vary: "Origin" });
    expect(other.headers).not.toHaveProperty("access-control-allow-origin");
  });

  test("gets a preflight answered without being asked", async () => {
    const { port, fallback } = await startPages({ corsOrigins: [ORIGIN] });
    const headers = { origin: ORIGIN, "access-control-request-method": "GET" };
    await expect(ask(port, "OPTIONS", "/page", headers)).resolves.toMatchObject({ status: 204 });
    expect(fallback).not.toHaveBeenCalled();
  });

  test("that throws costs its own request only, and onError is told", async () => {
    const { port, errors } = await startPages({
      fallback(incoming, response) {
        if (incoming.url === "/bad") throw new Error("page");
        response.end("good");
      },
    });
    await Promise.allSettled([ask(port, "GET", "/bad")]);
    await expect(ask(port, "GET", "/good")).resolves.toMatchObject({ body: "good" });
    expect(errors.map(String)).toEqual(["Error: page"]);
  });

  test("that rejects costs its own request only, and onError is told", async () => {
    const { port, errors } = await startPages({
      async fallback(incoming, response) {
        if (incoming.url === "/bad") throw new Error("page");
        response.end("good");
      },
    });
    await Promise.allSettled([ask(port, "GET", "/bad")]);
    await expect(ask(port, "GET", "/good")).resolves.toMatchObject({ body: "good" });
    expect(errors.map(String)).toEqual(["Error: page"]);
  });

  test("is finished before a drain is", async () => {
    const asked = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const { port, server } = await startPages({
      async fallback(_incoming, response) {
        asked.resolve();
        await finish.promise;
        response.end("finished");
      },
    });
    const answer = ask(port, "GET", "/page");
    await asked.promise;
    const drained = server.drain({ timeoutMs: 20_000 });
    finish.resolve();
    await expect(answer).resolves.toMatchObject({ body: "finished" });
    await expect(drained).resolves.toEqual({ abortedCalls: 0 });
  });

  test("is no call: calls go on as they are, and observers do not hear of it", async () => {
    const { port, heard, fallback } = await startPages();
    await ask(port, "GET", "/page");
    expect(heard).toEqual([]);
    const path = "/echo.v1.EchoService/Echo";
    const json = { "content-type": "application/json" };
    await expect(ask(port, "POST", path, json, "{}")).resolves.toMatchObject({ status: 200, body: "{}" });
    await expect(ask(port, "PUT", path, json, "{}")).resolves.toMatchObject({ status: 405 });
    expect(fallback).toHaveBeenCalledTimes(1);
  });
});

test.each(["a@b", "a:99999", "", "a b"])("a request whose host is %j does not reach it", async (host) => {
  const { port, fallback } = await startPages();
  const answer = await exchange(port, `GET /page HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  const { status } = await request(await openSession(port), { ":path": "/page", ":authority": host });
  expect([0, 400]).toContain(status);
  expect(fallback).not.toHaveBeenCalled();
});

test("an unknown method of gRPC does not reach it", async () => {
  const { port, fallback } = await startPages();
  const headers = { ":method": "POST", ":path": "/no.Such/Method", "content-type": "application/grpc" };
  const answer = await request(await openSession(port), headers, Buffer.alloc(5));
  expect(answer).toMatchObject({ status: 200, headers: { "grpc-status": "12" } });
  expect(fallback).not.toHaveBeenCalled();
});

test("without one, nothing is found", async () => {
  const { port } = await startEchoServer();
  await expect(request(await openSession(port), { ":path": "/page" })).resolves.toMatchObject({ status: 404 });
});

test("a client that leaves in the middle of a page's body is no news", async () => {
  const { port, errors, fallback } = await startPages();
  const socket = await openSocket(port);
  socket.write("POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  await expect.poll(() => fallback.mock.calls.length).toBe(1);
  socket.destroy();
  await expect(fallback.mock.results[0]?.value).rejects.toThrow("aborted");
  await exchange(port, "GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect(errors).toEqual([]);
});

test("a page that gives up in the middle of a body ends its connection, and no more", async () => {
  const { port, errors } = await startPages({
    async fallback(incoming, response) {
      for await (const _chunk of incoming) throw new Error("the body is too long");
      response.end("fine");
    },
  });
  const socket = await openSocket(port);
  socket.write("POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  await once(socket.resume(), "close");
  await expect(VERSIONS["HTTP/1.1"](port, "GET", "/page")).resolves.toMatchObject({ body: "fine" });
  expect(errors).toMatchObject([{ message: "the body is too long" }]);
});

test("pages that stop waiting for the end of a body when its client has gone are no news", async () => {
  const asked = vi.fn<Fallback>(async (incoming, response) => {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    incoming.resume();
    await once(incoming, "end", { signal: gone.signal });
    response.end();
  });
  const { port, errors } = await startPages({ fallback: asked });
  const socket = await openSocket(port);
  const post = "POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: ";
  socket.write(`${post}2\r\n\r\n{}${post}9\r\n\r\n{`);
  socket.resetAndDestroy();
  await expect.poll(() => asked.mock.calls.length).toBe(2);
  await Promise.allSettled(asked.mock.results.map(({ value }) => value));
  // An error that nobody listens to would end the process, and this test with it.
  await sleep(20);
  expect(errors).toEqual([]);
});
