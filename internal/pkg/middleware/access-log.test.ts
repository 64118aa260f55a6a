import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createHealth, Health } from "@grpc-service-template/grpc-health";
import { expect, test } from "vitest";
import { NotFound, Unavailable } from "#internal/pkg/errors/errors.ts";
import { type AccessLogOptions, createAccessLog } from "./access-log.ts";
import {
  captureLog,
  collect,
  connectTo,
  type EchoServerOptions,
  PROTOCOLS,
  startEchoServer,
  streamOf,
} from "./echo-server.fixture.ts";
import { createErrorsInterceptor } from "./errors.ts";
import { createRequestIdInterceptor } from "./request-id.ts";

async function startLogged(echo: EchoServerOptions["echo"] = {}, options: AccessLogOptions = {}) {
  const { logger, lines } = captureLog();
  const server = await startEchoServer({
    interceptors: [createRequestIdInterceptor(), createErrorsInterceptor({ domain: "echo", logger })],
    observers: [createAccessLog(logger, options)],
    echo,
    routes: (router) => router.service(Health, createHealth().service),
  });
  return { ...server, lines };
}

test.each(PROTOCOLS)("a call by %s becomes one line that says what it was, and how it ended", async (protocol) => {
  const { client, lines } = await startLogged();
  await client(protocol).echo({ text: "private" }, { headers: { "x-request-id": "r-1" } });
  expect(lines).toEqual([
    {
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      level: "info",
      message: "call",
      service: "echo",
      version: "1",
      requestId: "r-1",
      rpc: "echo.v1.EchoService/Echo",
      protocol,
      httpVersion: "2",
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      code: "OK",
      durationMs: expect.any(Number),
    },
  ]);
});

test("the time in the line is in milliseconds, with at most three digits after the point", async () => {
  const { client, lines } = await startLogged();
  await client().echo({ behaviour: { delayMs: 30 } });
  const durationMs = Number(lines[0]?.durationMs);
  expect(durationMs).toBeGreaterThanOrEqual(29);
  expect(durationMs).toBeLessThan(5_000);
  expect(Math.round(durationMs * 1_000) / 1_000).toBe(durationMs);
});

test("every kind of stream becomes one line, with its request's id, also when its client leaves", async () => {
  const { client, lines, server } = await startLogged();
  const headers = (id: string) => ({ headers: { "x-request-id": id } });
  await collect(client().echoServerStream({ count: 3 }, headers("server")));
  await client().echoClientStream(streamOf({}, {}), headers("client"));
  await collect(client().echoBidiStream(streamOf({}, {}), headers("bidi")));
  const leaving = new AbortController();
  const request = { count: 10_000, behaviour: { delayMs: 10 } };
  const left = client().echoServerStream(request, { ...headers("left"), signal: leaving.signal });
  await expect(
    (async () => {
      for await (const _ of left) leaving.abort();
    })(),
  ).rejects.toMatchObject({ code: Code.Canceled });
  await expect.poll(() => lines.length).toBe(4);
  await server.close();
  expect(lines.map(({ rpc, code, requestId }) => `${requestId}: ${rpc} ${code}`)).toEqual([
    "server: echo.v1.EchoService/EchoServerStream OK",
    "client: echo.v1.EchoService/EchoClientStream OK",
    "bidi: echo.v1.EchoService/EchoBidiStream OK",
    "left: echo.v1.EchoService/EchoServerStream Canceled",
  ]);
});

test.each([
  ["error", Code.Unknown],
  ["warn", Code.DeadlineExceeded],
  ["info", Code.Unimplemented],
  ["error", Code.Internal],
  ["warn", Code.Unavailable],
  ["error", Code.DataLoss],
  ["info", Code.Canceled],
  ["info", Code.InvalidArgument],
  ["info", Code.NotFound],
  ["info", Code.AlreadyExists],
  ["warn", Code.PermissionDenied],
  ["warn", Code.ResourceExhausted],
  ["warn", Code.FailedPrecondition],
  ["warn", Code.Aborted],
  ["warn", Code.OutOfRange],
  ["info", Code.Unauthenticated],
])("a line is of level %s when the call ends with code %i, and has the error's message", async (level, failCode) => {
  const { client, lines } = await startLogged();
  await expect(client().echo({ behaviour: { failCode } })).rejects.toMatchObject({ code: failCode });
  expect(lines).toMatchObject([{ level, code: Code[failCode], error: "told to fail" }]);
});

test("what led to a fault of the service stands in its line, and nowhere in what the client gets", async () => {
  const cause = new Error("connect ECONNREFUSED");
  const { client, lines } = await startLogged({
    echo() {
      throw new Unavailable({ reason: "DATABASE_UNAVAILABLE", message: "try again", retryAfterMs: 1, cause });
    },
    async *echoServerStream() {
      yield {};
      throw new NotFound({ reason: "GONE", message: "it went", resource: { type: "t", name: "n" }, cause });
    },
  });
  const error = await client()
    .echo({})
    .catch((reason: unknown) => ConnectError.from(reason));
  expect(error).toMatchObject({ code: Code.Unavailable, rawMessage: "try again" });
  await expect(collect(client().echoServerStream({}))).rejects.toMatchObject({ code: Code.NotFound });
  expect(lines).toMatchObject([
    { level: "warn", code: "Unavailable", error: "try again", cause: expect.stringMatching(/^Error: connect ECONN/) },
    { level: "info", code: "NotFound", error: "it went" },
  ]);
  expect(lines[1]).not.toHaveProperty("cause");
});

test("of successful calls the given share gets a line, which says so; every call that fails gets one", async () => {
  const dice = [0.05, 0.1, 0.5, 0.0];
  const { client, lines } = await startLogged({}, { sampling: 0.1, random: () => dice.shift() ?? 1 });
  for (const id of ["a", "b", "c", "d"]) await client().echo({}, { headers: { "x-request-id": id } });
  await expect(client().echo({ behaviour: { failCode: Code.NotFound } })).rejects.toThrow();
  expect(lines).toMatchObject([
    { requestId: "a", code: "OK", sampling: 0.1 },
    { requestId: "d", code: "OK", sampling: 0.1 },
    { code: "NotFound" },
  ]);
  expect(lines[2]).not.toHaveProperty("sampling");
});

test("with a share of 0 only calls that fail get a line, and with 1 no line mentions a share", async () => {
  const none = await startLogged({}, { sampling: 0 });
  await none.client().echo({});
  await expect(none.client().echo({ behaviour: { failCode: Code.Internal } })).rejects.toThrow();
  expect(none.lines.map(({ code }) => code)).toEqual(["Internal"]);
  const every = await startLogged({}, { sampling: 1, random: () => 1 });
  await every.client().echo({});
  expect(every.lines).toHaveLength(1);
  expect(every.lines[0]).not.toHaveProperty("sampling");
});

test("an e-mail address in an error's text is masked", async () => {
  const { client, lines } = await startLogged({
    echo() {
      throw new NotFound({ reason: "R", message: "no ada@example.com", resource: { type: "t", name: "n" } });
    },
  });
  await expect(client().echo({})).rejects.toThrow("no ada@example.com");
  expect(lines).toMatchObject([{ error: "no a***@example.com" }]);
});

test("whatever becomes of a health check, it is a line of level debug", async () => {
  const { baseUrl, lines } = await startLogged();
  const health = createClient(Health, connectTo(baseUrl, "grpc"));
  await health.check({});
  await expect(health.check({ service: "nobody" })).rejects.toMatchObject({ code: Code.NotFound });
  const watch = collect(health.watch({}, { headers: { "grpc-timeout": "20m" } }));
  await expect(watch).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  expect(lines.map(({ level, rpc, code }) => `${level} ${rpc} ${code}`)).toEqual([
    "debug grpc.health.v1.Health/Check OK",
    "debug grpc.health.v1.Health/Check NotFound",
    "debug grpc.health.v1.Health/Watch DeadlineExceeded",
  ]);
});

test("a call that was refused before any interceptor becomes a line too, with the id that its client has sent", async () => {
  const { baseUrl, lines } = await startLogged();
  const headers = { "content-type": "application/json", "x-request-id": "r-1" };
  await fetch(`${baseUrl}/echo.v1.EchoService/Echo`, { method: "POST", headers, body: "{" });
  await fetch(`${baseUrl}/nobody`, { method: "POST", headers: { "x-request-id": "not\twell-formed" } });
  expect(lines).toMatchObject([
    { message: "call", requestId: "r-1", rpc: "echo.v1.EchoService/Echo", code: "InvalidArgument", level: "info" },
    { message: "call", rpc: "unknown/unknown", protocol: "http", code: "NotFound", level: "info" },
  ]);
  expect(lines[1]).not.toHaveProperty("requestId");
});
