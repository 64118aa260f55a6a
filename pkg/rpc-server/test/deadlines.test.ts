import { setImmediate } from "node:timers/promises";
import { Code, type ConnectError, type HandlerContext, type Interceptor, type ServiceImpl } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { RpcServerOptions } from "../src/index.ts";
import { echoService } from "./echo-service.ts";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";
import { CALLS, codeOf, connectBy, WIRES } from "./protocol-client.ts";
import { openSession, request } from "./raw-http.ts";
import { recordCalls } from "./record-calls.ts";
import { startEchoServer } from "./start-echo-server.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const [GRPC] = WIRES;
const SHORT: Partial<RpcServerOptions> = { timeouts: () => ({ defaultMs: 50, maxMs: 10 * MINUTE_MS }) };

/** Long enough for a call to reach its handler on a busy machine. */
const REACHES_HANDLER: Partial<RpcServerOptions> = { timeouts: () => ({ defaultMs: 500 }) };

const forever = () => new Promise<never>(() => {});

/** Handlers that never end and take no notice of their signals. */
const deaf: Partial<ServiceImpl<typeof EchoService>> = {
  echo: forever,
  echoServerStream: async function* () {
    yield {};
    await forever();
  },
  echoClientStream: forever,
  // biome-ignore lint/correctness/useYield: it never gets to its first message.
  echoBidiStream: async function* () {
    await forever();
  },
};

/** Each kind of call writes down its context, and answers. */
function listening(seen: HandlerContext[], fired: unknown[] = []): RpcServerOptions["routes"] {
  const note = (context: HandlerContext) => {
    seen.push(context);
    context.signal.addEventListener("abort", () => fired.push(context.signal.reason));
  };
  return (router) =>
    router.service(EchoService, {
      echo(_, context) {
        note(context);
        return {};
      },
      async *echoServerStream(_, context) {
        note(context);
        yield {};
      },
      async echoClientStream(requests, context) {
        note(context);
        for await (const _ of requests);
        return {};
      },
      async *echoBidiStream(requests, context) {
        note(context);
        for await (const _ of requests) yield {};
      },
    });
}

const routesOf =
  (service: Partial<ServiceImpl<typeof EchoService>>): RpcServerOptions["routes"] =>
  (router) =>
    router.service(EchoService, { ...echoService, ...service });

describe.each(CALLS)("a $kind call by $protocol over HTTP/$httpVersion", ({ call, kind, protocol }) => {
  const inMs = (ms: number) =>
    protocol === "connect" ? { "connect-timeout-ms": `${ms}` } : { "grpc-timeout": `${ms}m` };

  test.each([
    ["the default, without one of the client's", { defaultMs: 50 }, undefined],
    ["the cap, when the default is longer", { defaultMs: MINUTE_MS, maxMs: 50 }, undefined],
    ["the cap, when the client's is longer", { maxMs: 50 }, MINUTE_MS],
    ["the cap, when there is no other", { maxMs: 50 }, undefined],
    ["the client's, when it is shorter than both", { defaultMs: MINUTE_MS, maxMs: MINUTE_MS }, 50],
  ])("ends after %s", async (_, timeouts, clientMs) => {
    const { baseUrl } = await startEchoServer({ timeouts: () => timeouts });
    const start = performance.now();
    // In a header, so that the client does not count along.
    const headers = clientMs === undefined ? {} : inMs(clientMs);
    expect(await codeOf(call(baseUrl, { delayMs: MINUTE_MS }, { headers }))).toBe("DeadlineExceeded");
    expect(performance.now() - start).toBeGreaterThanOrEqual(49);
  });

  test("ends in time though its handler takes no notice of its signal", async () => {
    const record = recordCalls();
    const { baseUrl } = await startEchoServer({ ...SHORT, routes: routesOf(deaf), observers: [record.observer] });
    expect(await codeOf(call(baseUrl))).toBe("DeadlineExceeded");
    await record.ended();
    expect(record.heard.at(-1)).toBe("end DeadlineExceeded");
  });

  test("ends in time though an interceptor keeps its end to itself", async () => {
    const record = recordCalls();
    const swallow: Interceptor = (next) => async (req) => {
      try {
        const response = await next(req);
        if (!response.stream) return response;
        async function* quiet(messages: AsyncIterable<unknown>) {
          try {
            yield* messages;
          } catch {
            await forever();
          }
        }
        return { ...response, message: quiet(response.message) } as never;
      } catch {
        return forever();
      }
    };
    const { baseUrl } = await startEchoServer({
      ...SHORT,
      interceptors: [swallow],
      routes: routesOf(deaf),
      observers: [record.observer],
    });
    const code = await codeOf(call(baseUrl));
    // Its answer has begun: nothing is left but to cut it.
    if (kind === "server_stream") expect(code).not.toBe("OK");
    else expect(code).toBe("DeadlineExceeded");
    await record.ended();
    expect(record.heard.at(-1)).toBe("end DeadlineExceeded");
  });

  test.each([
    ["the default without one of the client's", undefined, 5 * MINUTE_MS],
    ["the client's when it is shorter than the default", MINUTE_MS, MINUTE_MS],
    ["the client's when it is longer than the default", 6 * MINUTE_MS, 6 * MINUTE_MS],
    ["the cap when the client's is longer", 60 * MINUTE_MS, 10 * MINUTE_MS],
  ])(
    "tells its handler in whole milliseconds what is left of the one that holds: %s",
    async (_, clientMs, expected) => {
      const seen: HandlerContext[] = [];
      const { baseUrl } = await startEchoServer({
        timeouts: () => ({ defaultMs: 5 * MINUTE_MS, maxMs: 10 * MINUTE_MS }),
        routes: listening(seen),
      });
      expect(await codeOf(call(baseUrl, {}, { headers: clientMs === undefined ? {} : inMs(clientMs) }))).toBe("OK");
      const leftMs = seen[0]?.timeoutMs() ?? Number.NaN;
      expect(leftMs).toBeLessThanOrEqual(expected);
      expect(leftMs).toBeGreaterThan(expected - MINUTE_MS / 2);
      expect(Number.isInteger(leftMs)).toBe(true);
    },
  );

  test.each([
    ["24.8 days", 25 * DAY_MS],
    ["a hundred million milliseconds less one", 99_999_999],
  ])("with a deadline of %s and more is not ended early", async (_, ms) => {
    const seen: HandlerContext[] = [];
    const fired: unknown[] = [];
    const timeouts = ms > 99_999_999 ? () => ({ defaultMs: ms }) : () => ({});
    const { baseUrl } = await startEchoServer({ timeouts, routes: listening(seen, fired) });
    expect(await codeOf(call(baseUrl, {}, { headers: ms > 99_999_999 ? {} : inMs(ms) }))).toBe("OK");
    for (const reason of fired) expect(reason).not.toMatchObject({ code: Code.DeadlineExceeded });
  });

  test("heeds the header of its own protocol only", async () => {
    const { baseUrl } = await startEchoServer(SHORT);
    const headers = protocol === "connect" ? { "grpc-timeout": "200S" } : { "connect-timeout-ms": "200000" };
    expect(await codeOf(call(baseUrl, { delayMs: MINUTE_MS }, { headers }))).toBe("DeadlineExceeded");
  });
});

test.each(["99999999H", "99999999S", "600H"])("a grpc-timeout of %s does not end a call early", async (timeout) => {
  const seen: HandlerContext[] = [];
  const { baseUrl } = await startEchoServer({ routes: listening(seen) });
  for (const { call } of CALLS.filter(({ protocol }) => protocol === "grpc")) {
    expect(await codeOf(call(baseUrl, {}, { headers: { "grpc-timeout": timeout } }))).toBe("OK");
  }
  expect(seen).toHaveLength(4);
});

test("each method has timeouts of its own, asked for once", async () => {
  const asked: string[] = [];
  const { baseUrl } = await startEchoServer({
    timeouts(method) {
      asked.push(method.name);
      return method.name === "Echo" ? { defaultMs: 30 } : {};
    },
  });
  const client = connectBy(GRPC, baseUrl);
  for (let i = 0; i < 2; i++)
    expect(await codeOf(client.echo({ behaviour: { delayMs: MINUTE_MS } }))).toBe("DeadlineExceeded");
  const [, stream] = CALLS;
  expect(await codeOf(stream?.call(baseUrl, { delayMs: 100 }) ?? forever())).toBe("OK");
  expect(asked.sort()).toEqual(["Echo", "EchoBidiStream", "EchoClientStream", "EchoServerStream"]);
});

test("the handler's signal fires with DEADLINE_EXCEEDED, after which nothing is left", async () => {
  const fired = Promise.withResolvers<{ reason: ConnectError; leftMs: number | undefined }>();
  const { baseUrl } = await startEchoServer({
    ...REACHES_HANDLER,
    routes: routesOf({
      echo(_, { signal, timeoutMs }) {
        signal.addEventListener("abort", () => fired.resolve({ reason: signal.reason, leftMs: timeoutMs() }));
        return forever();
      },
    }),
  });
  expect(await codeOf(connectBy(GRPC, baseUrl).echo({}))).toBe("DeadlineExceeded");
  const { reason, leftMs } = await fired.promise;
  expect(reason).toMatchObject({ code: Code.DeadlineExceeded });
  expect(leftMs).toBeLessThanOrEqual(0);
});

test("interceptors see the deadline as if the handler had thrown it, and may put it in their words", async () => {
  const reword: Interceptor = (next) => async (req) => {
    try {
      return await next(req);
    } catch (error) {
      (error as ConnectError).metadata.set("x-seen", Code[(error as ConnectError).code] ?? "");
      throw error;
    }
  };
  const { baseUrl } = await startEchoServer({ ...REACHES_HANDLER, interceptors: [reword], routes: routesOf(deaf) });
  const error = await connectBy(GRPC, baseUrl)
    .echo({})
    .catch((reason: ConnectError) => reason as ConnectError);
  expect((error as ConnectError).metadata.get("x-seen")).toBe("DeadlineExceeded");
});

test("a call that is over leaves its signal fired, but not with the deadline", async () => {
  const seen: HandlerContext[] = [];
  const record = recordCalls();
  const { baseUrl } = await startEchoServer({
    timeouts: () => ({ defaultMs: MINUTE_MS }),
    routes: listening(seen),
    observers: [record.observer],
  });
  for (const { call } of CALLS) expect(await codeOf(call(baseUrl))).toBe("OK");
  await record.ended(CALLS.length);
  for (const { signal } of seen) {
    expect(signal.aborted).toBe(true);
    expect(signal.reason).not.toMatchObject({ code: Code.DeadlineExceeded });
  }
});

test("a client that leaves fires the signal, not the deadline", async () => {
  const reached = Promise.withResolvers<void>();
  const fired = Promise.withResolvers<unknown>();
  const { baseUrl } = await startEchoServer({
    timeouts: () => ({ defaultMs: MINUTE_MS }),
    routes: routesOf({
      echo(_, { signal }) {
        signal.addEventListener("abort", () => fired.resolve(signal.reason));
        reached.resolve();
        return forever();
      },
    }),
  });
  const leaving = new AbortController();
  const answer = codeOf(connectBy(GRPC, baseUrl).echo({}, { signal: leaving.signal }));
  await reached.promise;
  leaving.abort();
  expect(await answer).toBe("Canceled");
  expect(await fired.promise).toMatchObject({ code: Code.Canceled });
});

test("what a handler is told is left can be passed on to another server", async () => {
  const { baseUrl: behind } = await startEchoServer();
  for (const wire of WIRES) {
    const { baseUrl } = await startEchoServer({
      timeouts: () => ({ defaultMs: MINUTE_MS }),
      routes: routesOf({
        async echo({ text }, { timeoutMs }) {
          await setImmediate();
          return connectBy(wire, behind).echo({ text }, { timeoutMs: timeoutMs() ?? Number.NaN });
        },
      }),
    });
    expect(await codeOf(connectBy(wire, baseUrl).echo({ text: "a" }))).toBe("OK");
  }
});

test.each([
  ["application/grpc", { "grpc-timeout": "0n" }],
  ["application/json", { "connect-timeout-ms": "0" }],
])("a call by %s whose deadline is over when it comes reaches no handler", async (contentType, timeout) => {
  const handled: string[] = [];
  const { port } = await startEchoServer({
    routes: (router) =>
      router.rpc(EchoService.method.echo, ({ text }) => {
        handled.push(text);
        return { text };
      }),
  });
  const headers = { ":method": "POST", ":path": "/echo.v1.EchoService/Echo", "content-type": contentType, ...timeout };
  const body = contentType === "application/json" ? Buffer.from("{}") : Buffer.alloc(5);
  const answer = await request(await openSession(port), headers, body);
  expect(answer.headers["grpc-status"] ?? answer.status).toBe(contentType === "application/json" ? 504 : "4");
  expect(handled).toEqual([]);
});
