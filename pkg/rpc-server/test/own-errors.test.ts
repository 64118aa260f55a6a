import { gzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { echoService } from "./echo-service.ts";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";
import { CALLS, codeOf, connectBy, WIRES } from "./protocol-client.ts";
import { openSession, request } from "./raw-http.ts";
import { recordCalls } from "./record-calls.ts";
import { startEchoServer } from "./start-echo-server.ts";

const [GRPC] = WIRES;
const FOREVER_MS = 60_000;
const UNARY = "/echo.v1.EchoService/Echo";

describe("mapError has the last word on the server's own errors", () => {
  const mapError = (error: ConnectError) => new ConnectError(`mapped: ${error.rawMessage}`, error.code);

  test.each(CALLS)(
    "deadlines that interceptors leave as they are: $kind, $protocol, HTTP/$httpVersion",
    async (row) => {
      const { observer, ends, ended } = recordCalls();
      const { baseUrl } = await startEchoServer({
        observers: [observer],
        mapError,
        timeouts: () => ({ defaultMs: 20 }),
      });
      await expect(row.call(baseUrl, { delayMs: FOREVER_MS })).rejects.toMatchObject({
        code: Code.DeadlineExceeded,
        rawMessage: expect.stringMatching(/^mapped: /),
      });
      await ended();
      expect(ends).toMatchObject([{ rawMessage: expect.stringMatching(/^mapped: /) }]);
    },
  );

  test.each(CALLS)("not on what the handler throws: $kind, $protocol, HTTP/$httpVersion", async ({ call }) => {
    const { baseUrl } = await startEchoServer({ mapError });
    await expect(call(baseUrl, { failCode: Code.NotFound })).rejects.toMatchObject({ rawMessage: "told to fail" });
  });

  test("when it throws, the error stays as it was, and onError is told", async () => {
    const record = recordCalls();
    const { baseUrl, errors } = await startEchoServer({
      observers: [record.observer],
      readMaxBytes: 10,
      mapError: () => {
        throw new Error("mapError");
      },
    });
    expect(await codeOf(connectBy(GRPC, baseUrl).echo({ text: "x".repeat(100) }))).toBe("ResourceExhausted");
    await record.ended();
    expect(record.heard).toEqual(["begin unary", "end ResourceExhausted"]);
    expect(errors.map(String)).toEqual(["Error: mapError"]);
  });
});

test("a request that is refused while the connection's budget is spent disturbs nobody", async () => {
  const handled = Promise.withResolvers<void>();
  const { port, errors } = await startEchoServer({
    maxConnectionBufferBytes: 100,
    routes: (router) => router.service(EchoService, { ...echoService, echo: () => handled.promise.then(() => ({})) }),
  });
  const session = await openSession(port);
  const unfinished = session.request({ ":method": "POST", ":path": UNARY, "content-type": "application/json" });
  unfinished.on("error", () => {});
  unfinished.write(Buffer.alloc(100));
  const refused = await request(session, { ":method": "POST", ":path": UNARY, "content-type": "text/html" });
  expect([0, 415]).toContain(refused.status);
  unfinished.close();
  await expect(request(session, { ":path": "/" })).resolves.toMatchObject({ status: 404 });
  expect(errors).toEqual([]);
});

test("an onError that throws costs nobody a call, and is a warning", async () => {
  const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  onTestFinished(() => emitWarning.mockRestore());
  const { baseUrl } = await startEchoServer({
    observers: [
      {
        begin() {
          throw new Error("observer");
        },
      },
    ],
    onError() {
      throw new Error("onError");
    },
  });
  const answer = await fetch(`${baseUrl}/echo.v1.EchoService/Echo`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"text":"hi"}',
    signal: AbortSignal.timeout(10_000),
  });
  expect(await answer.json()).toEqual({ text: "hi" });
  expect(emitWarning.mock.calls[0]?.[0]).toMatchObject({
    message: "onError has thrown",
    cause: { message: "onError" },
  });
});

test("what a compressed message expands to counts as held while its handler runs", async () => {
  const handling = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { port } = await startEchoServer({
    maxConnectionBufferBytes: 150_000,
    routes: (router) =>
      router.rpc(EchoService.method.echo, async ({ text }) => {
        handling.resolve();
        await goOn.promise;
        return { text: text.slice(0, 1) };
      }),
  });
  const session = await openSession(port);
  const body = gzipSync(JSON.stringify({ text: "x".repeat(100_000) }));
  const headers = {
    ":method": "POST",
    ":path": UNARY,
    "content-type": "application/json",
    "content-encoding": "gzip",
  };
  const first = request(session, headers, body);
  await handling.promise;
  await expect(request(session, headers, body)).resolves.toMatchObject({ status: 429 });
  goOn.resolve();
  await expect(first).resolves.toMatchObject({ status: 200 });
  await expect(request(session, headers, body)).resolves.toMatchObject({ status: 200 });
});

test("a mapError that returns nothing leaves the error as it was, and onError is told", async () => {
  const { baseUrl, errors } = await startEchoServer({ readMaxBytes: 10, mapError: () => undefined as never });
  expect(await codeOf(connectBy(GRPC, baseUrl).echo({ text: "x".repeat(100) }))).toBe("ResourceExhausted");
  expect(errors).toEqual([expect.any(TypeError)]);
});

test.each([
  [0, "Unknown"],
  [99, "Unknown"],
])("a handler's ConnectError of the code %d, which is none, is UNKNOWN", async (code, expected) => {
  const { baseUrl } = await startEchoServer({
    routes: (router) =>
      router.rpc(EchoService.method.echo, () => {
        throw new ConnectError("odd", code as Code);
      }),
  });
  expect(await codeOf(connectBy(GRPC, baseUrl).echo({}))).toBe(expected);
});

test("an error message above what a block of headers may have is cut, and the connection lives on", async () => {
  const { port } = await startEchoServer({
    routes: (router) =>
      router.rpc(EchoService.method.echo, ({ text }) => {
        if (text === "") throw new ConnectError("\u20ac".repeat(70_000), Code.Aborted);
        return { text };
      }),
  });
  const session = await openSession(port);
  const headers = { ":method": "POST", ":path": UNARY, "content-type": "application/grpc" };
  const { headers: answer } = await request(session, headers, Buffer.alloc(5));
  expect(answer["grpc-status"]).toBe("10");
  expect(decodeURIComponent(String(answer["grpc-message"]))).toBe("\u20ac".repeat(2_048));
  const json = { ...headers, "content-type": "application/json" };
  await expect(request(session, json, Buffer.from('{"text":"a"}'))).resolves.toMatchObject({ status: 200 });
});
