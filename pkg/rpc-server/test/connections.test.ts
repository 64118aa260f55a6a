import { once } from "node:events";
import { connect } from "node:net";
import { Code } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createRpcServer, type RpcServerOptions } from "../src/index.ts";
import { clientKind } from "./echo-clients.ts";
import { encodeFrame, FrameType, openFrames } from "./frame-client.ts";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";
import { exchange, openSession, openSocket, readToEnd, readUntil, request } from "./raw-http.ts";
import { startEchoServer } from "./start-echo-server.ts";
import { watchCalls } from "./watch-calls.ts";

const UNARY = "/echo.v1.EchoService/Echo";
const GET_HI = `GET ${UNARY}?encoding=json&message=%7B%22text%22%3A%22hi%22%7D HTTP/1.1\r\nHost: a\r\n`;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

describe("one port", () => {
  test("recognizes HTTP/2 whose preface comes byte by byte", async () => {
    const { port } = await startEchoServer();
    const socket = await openSocket(port);
    socket.setNoDelay(true);
    for (const byte of Buffer.concat([Buffer.from(PREFACE), encodeFrame({ type: FrameType.settings })])) {
      await new Promise((sent) => socket.write(Buffer.of(byte), sent));
      await new Promise(setImmediate);
    }
    const [frames] = await once(socket, "data");
    expect(frames[3]).toBe(FrameType.settings);
  });

  test("recognizes HTTP/1.1 that comes byte by byte", async () => {
    const { port } = await startEchoServer();
    const socket = await openSocket(port);
    socket.setNoDelay(true);
    for (const byte of Buffer.from(
      `POST ${UNARY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    )) {
      await new Promise((sent) => socket.write(Buffer.of(byte), sent));
    }
    await expect(readUntil(socket, /{}/)).resolves.toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test("serves a client that sends its HTTP/2 preface and request in one packet", async () => {
    const { port } = await startEchoServer();
    const client = await openFrames(port);
    client.send({ type: FrameType.ping, payload: Buffer.from("12345678") });
    expect((await client.next(FrameType.ping)).payload.toString()).toBe("12345678");
  });

  test("cuts a connection that says nothing for prefaceTimeoutMs", async () => {
    const { port } = await startEchoServer({ prefaceTimeoutMs: 50 });
    await expect(exchange(port, "")).resolves.toBe("");
    await expect(exchange(port, PREFACE.slice(0, 23))).resolves.toBe("");
  });

  test("cuts a connection that ends before it has said what it speaks", async () => {
    const { port } = await startEchoServer();
    const socket = await openSocket(port);
    socket.end("PRI");
    await expect(readToEnd(socket)).resolves.toBe("");
  });

  test("leaves a connection alone that has said what it speaks within prefaceTimeoutMs", async () => {
    const { port } = await startEchoServer({ prefaceTimeoutMs: 500 });
    const session = await openSession(port);
    const slow = { text: "slow", behaviour: { delayMs: 800 } };
    const headers = { ":method": "POST", ":path": UNARY, "content-type": "application/json" };
    await expect(request(session, headers, Buffer.from(JSON.stringify(slow)))).resolves.toMatchObject({ status: 200 });
  });

  test("answers 408 to headers that take longer than headersTimeoutMs", async () => {
    const { port } = await startEchoServer({ headersTimeoutMs: 100 });
    await expect(exchange(port, "GET / HTTP/1.1\r\nHost")).resolves.toMatch(/^HTTP\/1\.1 408 /);
  });

  test("answers 408 to a body that takes longer than requestTimeoutMs", async () => {
    const { port } = await startEchoServer({ headersTimeoutMs: 100, requestTimeoutMs: 100 });
    const head = `POST ${UNARY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{`;
    await expect(exchange(port, head)).resolves.toMatch(/^HTTP\/1\.1 408 /);
  });

  test("closes a keep-alive connection that idles for longer than keepAliveTimeoutMs", async () => {
    const { port } = await startEchoServer({ keepAliveTimeoutMs: 50 });
    await expect(exchange(port, `${GET_HI}\r\n`)).resolves.toMatch(/"hi"/);
  });
});

describe("listen", () => {
  test("resolves with the address it got", async () => {
    const server = createRpcServer({ routes: () => {} });
    onTestFinished(() => server.close());
    const { port, host } = await server.listen({ port: 0 });
    expect(port).toBeGreaterThan(0);
    expect(["::", "0.0.0.0"]).toContain(host);
  });

  test("rejects with EADDRINUSE when the port is taken, and can be tried again", async () => {
    const { port } = await startEchoServer();
    const errors: unknown[] = [];
    const server = createRpcServer({ routes: () => {}, onError: (error) => errors.push(error) });
    onTestFinished(() => server.close());
    await expect(server.listen({ port, host: "127.0.0.1" })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await expect(server.listen({ port: 0, host: "127.0.0.1" })).resolves.toMatchObject({ host: "127.0.0.1" });
    expect(errors).toEqual([]);
  });

  test("rejects a second time", async () => {
    const { server } = await startEchoServer();
    await expect(server.listen({ port: 0 })).rejects.toMatchObject({ code: "ERR_SERVER_ALREADY_LISTEN" });
  });

  test("rejects after close and after drain", async () => {
    for (const end of ["close", "drain"] as const) {
      const { server } = await startEchoServer();
      await server[end]({ timeoutMs: 0 });
      await expect(server.listen({ port: 0 })).rejects.toThrow("the server is closed");
    }
  });
});

describe("close", () => {
  test.each(["connect over HTTP/1.1", "grpc-js"])("ends the calls of %s and frees the port", async (name) => {
    const watch = watchCalls();
    const { server, port, baseUrl } = await startEchoServer({ interceptors: [watch.interceptor] });
    const call = expect(clientKind(name).connect(baseUrl).unary("", { delayMs: 60_000 })).rejects.toThrow();
    await watch.begun(1);
    await Promise.all([server.close(), server.close()]);
    await server.close();
    await call;
    expect(watch.signals[0]?.reason).toMatchObject({ code: Code.Unavailable });
    const socket = connect(port, "127.0.0.1");
    await expect(once(socket, "connect")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("is done at once for a server that never listened", async () => {
    await expect(createRpcServer({ routes: () => {} }).close()).resolves.toBeUndefined();
  });
});

describe("deadlines", () => {
  test("end a call whose handler ignores its signal", async () => {
    const { baseUrl } = await startEchoServer({
      routes: (router) =>
        router
          .rpc(EchoService.method.echo, () => new Promise(() => {}))
          .rpc(EchoService.method.echoServerStream, async function* () {
            yield { text: "first" };
            await new Promise(() => {});
          }),
    });
    const headers = { "content-type": "application/json", "connect-timeout-ms": "300" };
    const unary = await fetch(`${baseUrl}${UNARY}`, { method: "POST", headers, body: "{}" });
    expect(await unary.json()).toMatchObject({ code: "deadline_exceeded" });

    const stream = await fetch(`${baseUrl}/echo.v1.EchoService/EchoServerStream`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/connect+json" },
      body: Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from("{}")]),
    });
    expect(await stream.text()).toMatch(/"first".*"deadline_exceeded"/s);
  });

  test("longer than any timer are no deadlines", async () => {
    const { baseUrl } = await startEchoServer();
    const answer = await fetch(`${baseUrl}${UNARY}`, {
      method: "POST",
      headers: { "content-type": "application/json", "connect-timeout-ms": "9999999999" },
      body: JSON.stringify({ text: "soon", behaviour: { delayMs: 30 } }),
    });
    expect(await answer.json()).toEqual({ text: "soon" });
  });
});

describe("onError", () => {
  /** A control character passes Headers, but not Node's HTTP/1.1. */
  const routes: RpcServerOptions["routes"] = (router) =>
    router
      .rpc(EchoService.method.echo, (_, context) => {
        context.responseHeader.set("x-broken", "\x01");
        return {};
      })
      .rpc(EchoService.method.echoClientStream, (_, context) => {
        context.responseTrailer.set("x-broken", "\x01");
        return Promise.resolve({});
      });
  const told = expect.objectContaining({ message: expect.stringContaining("x-broken") });

  function post(baseUrl: string, path: string, contentType: string) {
    return fetch(`${baseUrl}${path}`, { method: "POST", headers: { "content-type": contentType }, body: "{}" });
  }

  test("is told of headers that cannot be sent, and the client gets the answer without them", async () => {
    const { baseUrl, errors } = await startEchoServer({ routes });
    const answer = await post(baseUrl, UNARY, "application/json");
    expect(answer.status).toBe(200);
    expect(answer.headers.has("x-broken")).toBe(false);
    expect(errors).toEqual([told]);
  });

  test("is told of trailers that cannot be sent, and the client gets the answer without them", async () => {
    const { baseUrl, errors } = await startEchoServer({ routes });
    const client = clientKind("grpc over HTTP/2").connect(baseUrl);
    await expect(client.clientStream(["a"])).resolves.toBe("");
    expect(errors).toEqual([told]);
  });

  test("is told of what an observer throws, and the call goes on", async () => {
    const broken = new Error("an observer is broken");
    const observer = {
      end() {
        throw broken;
      },
    };
    const { baseUrl, errors } = await startEchoServer({ observers: [observer] });
    expect((await post(baseUrl, UNARY, "application/json")).status).toBe(200);
    expect(errors).toEqual([broken]);
  });

  test("is a process warning when not given", async () => {
    const server = createRpcServer({ routes });
    onTestFinished(() => server.close());
    const { port } = await server.listen({ port: 0, host: "127.0.0.1" });
    const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => emitWarning.mockRestore());
    await post(`http://127.0.0.1:${port}`, UNARY, "application/json");
    expect(emitWarning).toHaveBeenCalledExactlyOnceWith(told);
  });
});
