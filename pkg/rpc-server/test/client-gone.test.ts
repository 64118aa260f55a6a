import { once } from "node:events";
import { constants } from "node:http2";
import { describe, expect, test } from "vitest";
import { clientKinds } from "./echo-clients.ts";
import { echoService } from "./echo-service.ts";
import { encodeHeaders, FrameFlag, FrameType, openFrames } from "./frame-client.ts";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";
import { openSession, openSocket, request } from "./raw-http.ts";
import { recordCalls } from "./record-calls.ts";
import { startEchoServer } from "./start-echo-server.ts";
import { watchCalls } from "./watch-calls.ts";

/** A request without a field, in its envelope. */
const EMPTY = Buffer.alloc(5);
const UNARY = "/echo.v1.EchoService/Echo";

describe("a client that goes away", () => {
  test.each(clientKinds)("by cancelling with $name fires the signal of its call", async ({ connect: open }) => {
    const watch = watchCalls();
    const { baseUrl, errors } = await startEchoServer({ interceptors: [watch.interceptor] });
    const abort = new AbortController();
    const call = expect(open(baseUrl).unary("", { delayMs: 60_000 }, { signal: abort.signal })).rejects.toThrow();
    await watch.begun(1);
    abort.abort();
    await call;
    await expect(watch.aborted(0)).resolves.toBeDefined();
    expect(errors).toEqual([]);
  });

  test("by cutting its connection fires the signals of all its calls", async () => {
    const watch = watchCalls();
    const { port, errors } = await startEchoServer({ interceptors: [watch.interceptor] });
    const body = Buffer.from(JSON.stringify({ behaviour: { delayMs: 60_000 } }));
    const headers = { ":method": "POST", ":path": UNARY, "content-type": "application/json" };
    const session = await openSession(port);
    const calls = [request(session, headers, body), request(session, headers, body)];
    await watch.begun(2);
    session.destroy();
    await Promise.allSettled(calls);
    await expect(Promise.all([watch.aborted(0), watch.aborted(1)])).resolves.toHaveLength(2);

    const socket = await openSocket(port);
    socket.write(
      `POST ${UNARY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    await watch.begun(3);
    socket.resetAndDestroy();
    await expect(watch.aborted(2)).resolves.toBeDefined();
    expect(errors).toEqual([]);
  });

  test.each(["Echo", "EchoBidiStream"])("while %s is at its requestGate ends that call", async (method) => {
    const record = recordCalls();
    const { promise: gateSignal, resolve } = Promise.withResolvers<AbortSignal>();
    const { port } = await startEchoServer({
      observers: [record.observer],
      routes: (router) =>
        router.service(EchoService, echoService, {
          requestGate({ signal }) {
            resolve(signal);
            return once(signal, "abort").then(() => {});
          },
        }),
    });
    const session = await openSession(port);
    const path = `/echo.v1.EchoService/${method}`;
    const call = request(session, { ":method": "POST", ":path": path, "content-type": "application/grpc" }, EMPTY);
    const signal = await gateSignal;
    session.destroy();
    await Promise.allSettled([call]);
    await record.ended();
    expect(record.heard.at(-1)).toBe("end Canceled");
    expect(signal.aborted).toBe(true);
  });

  test("after a CONNECT behind pipelined calls ends all of them", async () => {
    const record = recordCalls();
    const { server, port } = await startEchoServer({ observers: [record.observer] });
    const socket = await openSocket(port);
    const body = JSON.stringify({ behaviour: { delayMs: 60_000 } });
    const call = `POST ${UNARY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.write(`${call}${body}${call}${body}CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`);
    await record.ended(2);
    expect(record.heard.slice(-2)).toEqual(["end Canceled", "end Canceled"]);
    const begunMs = performance.now();
    await server.drain({ timeoutMs: 10_000 });
    expect(performance.now() - begunMs).toBeLessThan(5_000);
  });

  test("while an answer too large for it is being written lets the handler clean up", async () => {
    const cleaned = Promise.withResolvers<void>();
    const { port, errors } = await startEchoServer({
      routes: (router) =>
        router.rpc(EchoService.method.echoServerStream, async function* () {
          try {
            for (;;) yield { text: "x".repeat(100_000) };
          } finally {
            cleaned.resolve();
          }
        }),
    });
    const session = await openSession(port);
    const stream = session.request({
      ":method": "POST",
      ":path": "/echo.v1.EchoService/EchoServerStream",
      "content-type": "application/grpc",
    });
    stream.on("error", () => {});
    stream.end(Buffer.alloc(5));
    await once(stream, "response");
    stream.close(8);
    await cleaned.promise;
    expect(errors).toEqual([]);
  });

  test("by ending its side of an HTTP/1.1 connection fires the signal of its call", async () => {
    const watch = watchCalls();
    const { port } = await startEchoServer({ interceptors: [watch.interceptor] });
    const message = encodeURIComponent(JSON.stringify({ behaviour: { delayMs: 60_000 } }));
    const socket = await openSocket(port);
    socket.write(`GET ${UNARY}?encoding=json&message=${message} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await watch.begun(1);
    socket.end();
    await expect(watch.aborted(0)).resolves.toBeDefined();
  });

  // In raw frames: Node's own client ends its body properly before it resets the stream.
  test.each(["resetting its stream", "cutting its connection"])(
    "by %s in the middle of its body does not look as if it had sent all",
    async (how) => {
      const outcome = Promise.withResolvers<string>();
      const received = Promise.withResolvers<void>();
      const { port } = await startEchoServer({
        routes: (router) =>
          router.rpc(EchoService.method.echoClientStream, async (messages) => {
            try {
              for await (const _message of messages) received.resolve();
              outcome.resolve("complete");
            } catch {
              outcome.resolve("cut off");
            }
            return {};
          }),
      });
      const client = await openFrames(port);
      const headers = {
        ":method": "POST",
        ":scheme": "http",
        ":authority": "a",
        ":path": "/echo.v1.EchoService/EchoClientStream",
        "content-type": "application/grpc",
      };
      client.send({
        type: FrameType.headers,
        flags: FrameFlag.endHeaders,
        streamId: 1,
        payload: encodeHeaders(headers),
      });
      client.send({ type: FrameType.data, streamId: 1, payload: Buffer.alloc(5) });
      await received.promise;
      if (how === "cutting its connection") client.cut();
      else
        client.send({ type: FrameType.rstStream, streamId: 1, payload: Buffer.of(0, 0, 0, constants.NGHTTP2_CANCEL) });
      await expect(outcome.promise).resolves.toBe("cut off");
    },
  );
});
