import { setTimeout as sleep } from "node:timers/promises";
import { type CallOptions, Code, ConnectError, createClient, type HandlerContext } from "@connectrpc/connect";
import { createHealth, Health } from "@grpc-service-template/grpc-health";
import { describe, expect, test, vi } from "vitest";
import { type Call, callFrom } from "#internal/pkg/call/call.ts";
import { createDeadlineInterceptor, type DeadlineOptions } from "./deadline.ts";
import {
  collect,
  connectTo,
  type EchoServerOptions,
  PROTOCOLS,
  type Protocol,
  recordCalls,
  startEchoServer,
  streamOf,
} from "./echo-server.fixture.ts";
import { createObserveInterceptor } from "./observe.ts";

const MINUTE = 60_000;
const SHORT = { defaultMs: 50, capMs: 10 * MINUTE };

type Echo = Awaited<ReturnType<typeof start>>["echo"];

async function start(options: DeadlineOptions, { echo, routes }: Partial<EchoServerOptions> = {}) {
  const calls = recordCalls();
  const server = await startEchoServer({
    interceptors: [createDeadlineInterceptor(options), createObserveInterceptor([calls.observer])],
    ...(echo && { echo }),
    ...(routes && { routes }),
  });
  return { ...calls, baseUrl: server.baseUrl, echo: server.client(), client: server.client };
}

/** Each kind of RPC, asked for something that takes a minute. */
const KINDS: Readonly<Record<string, (echo: Echo, options?: CallOptions) => Promise<unknown>>> = {
  unary: (echo, options) => echo.echo({ behaviour: { delayMs: MINUTE } }, options),
  serverStream: (echo, options) =>
    collect(echo.echoServerStream({ count: 1, behaviour: { delayMs: MINUTE } }, options)),
  clientStream: (echo, options) => echo.echoClientStream(streamOf({ behaviour: { delayMs: MINUTE } }), options),
  bidiStream: (echo, options) => collect(echo.echoBidiStream(streamOf({ behaviour: { delayMs: MINUTE } }), options)),
};

const forever = () => new Promise<never>(() => {});

/** Handlers that never end and take no notice of their signals. */
const deaf: NonNullable<EchoServerOptions["echo"]> = {
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

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  const error = await call.then(() => undefined, ConnectError.from);
  return error && Code[error.code];
}

describe.each(Object.entries(KINDS))("a %s call", (_kind, call) => {
  test("without a deadline ends after the default", async () => {
    const { echo, heard, ended } = await start(SHORT);
    expect(await codeOf(call(echo))).toBe("DeadlineExceeded");
    await ended();
    expect(heard.at(-1)).toBe("end DeadlineExceeded");
  });

  test("with a deadline beyond the cap ends at the cap", async () => {
    const { echo } = await start({ defaultMs: 10, capMs: 50 });
    expect(await codeOf(call(echo, { timeoutMs: MINUTE }))).toBe("DeadlineExceeded");
  });

  test("ends in time whatever the handler does", async () => {
    const { echo, heard, ended } = await start(SHORT, { echo: deaf });
    expect(await codeOf(call(echo))).toBe("DeadlineExceeded");
    await ended();
    expect(heard.at(-1)).toBe("end DeadlineExceeded");
  });
});

test("a client stream that its client does not end ends after the default", async () => {
  const { echo } = await start(SHORT);
  async function* endless() {
    yield { text: "first" };
    await forever();
  }
  expect(await codeOf(echo.echoClientStream(endless()))).toBe("DeadlineExceeded");
});

/** A server whose handler writes down what it is told about its call. */
async function startListening(options: DeadlineOptions) {
  const seen: { call: Call; context: HandlerContext }[] = [];
  const server = await start(options, {
    echo: {
      echo({ text }, context) {
        seen.push({ call: callFrom(context), context });
        return { text };
      },
    },
  });
  const last = () => seen.at(-1) ?? expect.unreachable("no call came");
  return { ...server, last };
}

describe.each(PROTOCOLS)("over %s", (protocol: Protocol) => {
  test.each([
    ["the default without one of the client's", undefined, 5 * MINUTE],
    ["the client's when it is shorter than the default", MINUTE, MINUTE],
    ["the client's when it is longer than the default", 6 * MINUTE, 6 * MINUTE],
    ["the cap when the client's is longer", 60 * MINUTE, 10 * MINUTE],
  ])("the handler is told the effective deadline: %s", async (_what, timeoutMs, expected) => {
    const { client, last } = await startListening({ defaultMs: 5 * MINUTE, capMs: 10 * MINUTE });
    const before = Date.now();
    await client(protocol).echo({ text: "x" }, timeoutMs === undefined ? {} : { timeoutMs });
    const untilMs = (last().call.deadline?.getTime() ?? 0) - before;
    expect(untilMs).toBeGreaterThan(expected - 1_000);
    expect(untilMs).toBeLessThan(expected + 1_000);
  });

  test("the handler's signal fires with DEADLINE_EXCEEDED", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const { client } = await start(SHORT, {
      echo: {
        echo(_request, { signal }) {
          signal.addEventListener("abort", () => resolve(signal.reason));
          return forever();
        },
      },
    });
    expect(await codeOf(client(protocol).echo({}))).toBe("DeadlineExceeded");
    await expect(promise).resolves.toMatchObject({ code: Code.DeadlineExceeded });
  });
});

test("the default is shortened to the cap too", async () => {
  const { echo } = await start({ defaultMs: MINUTE, capMs: 50 });
  expect(await codeOf(echo.echo({ behaviour: { delayMs: MINUTE } }))).toBe("DeadlineExceeded");
});

test("a client that leaves fires the signal, not the deadline", async () => {
  const reached = Promise.withResolvers<void>();
  const fired = Promise.withResolvers<ConnectError>();
  const { echo } = await start(
    { defaultMs: MINUTE, capMs: MINUTE },
    {
      echo: {
        echo(_request, { signal }) {
          signal.addEventListener("abort", () => fired.resolve(ConnectError.from(signal.reason)));
          reached.resolve();
          return forever();
        },
      },
    },
  );
  const client = new AbortController();
  const call = codeOf(echo.echo({}, { signal: client.signal }));
  await reached.promise;
  client.abort();
  await expect(call).resolves.toBe("Canceled");
  expect((await fired.promise).code).not.toBe(Code.DeadlineExceeded);
});

test("a call that is over leaves no timer behind, and its signal fires as connect's does", async () => {
  const set = vi.spyOn(globalThis, "setTimeout");
  const clear = vi.spyOn(globalThis, "clearTimeout");
  const { echo, last } = await startListening({ defaultMs: 12_345, capMs: MINUTE });
  await echo.echo({});
  const timer = set.mock.results[set.mock.calls.findIndex(([, delay]) => delay === 12_345)]?.value;
  expect(timer).toBeDefined();
  await vi.waitFor(() => expect(clear).toHaveBeenCalledWith(timer));
  expect(last().context.signal.aborted).toBe(true);
  expect(last().context.signal.reason).not.toMatchObject({ code: Code.DeadlineExceeded });
  set.mockRestore();
  clear.mockRestore();
});

test("a call whose signal has fired already is not timed", async () => {
  const next = vi.fn(async (request) => request);
  const request = {
    service: { typeName: "echo.v1.EchoService" },
    header: new Headers(),
    contextValues: new Map(),
    signal: AbortSignal.abort("gone"),
  };
  await createDeadlineInterceptor(SHORT)(next)(request as never);
  expect(next.mock.calls[0]?.[0].signal).toMatchObject({ aborted: true, reason: "gone" });
});

test("a health watch goes on after default and cap", async () => {
  const health = createHealth({ services: ["echo.v1.EchoService"] });
  const { baseUrl } = await start(
    { defaultMs: 20, capMs: 20 },
    { routes: (router) => router.service(Health, health.service) },
  );
  const stop = new AbortController();
  const statuses: number[] = [];
  const watch = (async () => {
    const watched = createClient(Health, connectTo(baseUrl, "grpc")).watch({}, { signal: stop.signal });
    for await (const { status } of watched) statuses.push(status);
  })();
  await vi.waitFor(() => expect(statuses).toHaveLength(1));
  await sleep(100); // Five times the cap: nothing else tells that nothing happens.
  health.setAll("SERVING");
  await vi.waitFor(() => expect(statuses).toHaveLength(2));
  stop.abort();
  await expect(codeOf(watch)).resolves.toBe("Canceled");
});

test.each([
  ["connect", { "grpc-timeout": "200S" }],
  ["grpc-web", { "connect-timeout-ms": "200000" }],
  ["grpc", { "connect-timeout-ms": "200000" }],
] as const)(
  "over %s the header of another protocol, %j, does not switch the default off",
  async (protocol, headers) => {
    const { client } = await start(SHORT);
    await expect(KINDS.unary?.(client(protocol), { headers })).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  },
);
