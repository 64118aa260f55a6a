import { once } from "node:events";
import {
  Code,
  createContextValues,
  type StreamRequest,
  type StreamResponse,
  type UnaryResponse,
} from "@connectrpc/connect";
import { expect, test, vi } from "vitest";
import {
  captureLog,
  collect,
  type EchoServerOptions,
  EchoService,
  PROTOCOLS,
  recordCalls,
  startEchoServer,
  streamOf,
} from "./echo-server.fixture.ts";
import { createErrorsInterceptor } from "./errors.ts";
import { createObserveInterceptor, type ObservedCall } from "./observe.ts";

async function startObserved(echo: EchoServerOptions["echo"] = {}) {
  const record = recordCalls();
  const { logger } = captureLog();
  const interceptors = [
    createObserveInterceptor([record.observer]),
    createErrorsInterceptor({ domain: "echo", logger }),
  ];
  return { ...record, ...(await startEchoServer({ interceptors, echo })) };
}

test("a unary call is heard as begin, received, sent, and an end without error", async () => {
  const { client, heard } = await startObserved();
  await client().echo({ text: "a" });
  expect(heard).toEqual(["begin unary", "received", "sent", "end OK"]);
});

test("a server stream is heard with each message sent, and one end", async () => {
  const { client, heard } = await startObserved();
  await collect(client().echoServerStream({ text: "a", count: 3 }));
  expect(heard).toEqual(["begin server_stream", "received", "sent", "sent", "sent", "end OK"]);
});

test("a client stream is heard with each message received, and one end", async () => {
  const { client, heard } = await startObserved();
  await client().echoClientStream(streamOf({ text: "a" }, { text: "b" }));
  expect(heard).toEqual(["begin client_stream", "received", "received", "sent", "end OK"]);
});

test("a bidirectional stream is heard with each message of both directions, and one end", async () => {
  const { client, heard } = await startObserved();
  await collect(client().echoBidiStream(streamOf({ text: "a" }, { text: "b" })));
  expect(heard).toEqual(["begin bidi_stream", "received", "sent", "received", "sent", "end OK"]);
});

test("a unary call that fails ends once, with the code the client gets", async () => {
  const { client, heard } = await startObserved();
  await expect(client().echo({ behaviour: { failCode: Code.NotFound } })).rejects.toMatchObject({
    code: Code.NotFound,
  });
  expect(heard).toEqual(["begin unary", "received", "end NotFound"]);
});

test("a server stream that fails half-way ends once, with the code the client gets", async () => {
  const { client, heard } = await startObserved();
  const answers = client().echoServerStream({ count: 2, behaviour: { throwText: "secret" } });
  await expect(collect(answers)).rejects.toMatchObject({ code: Code.Internal });
  expect(heard).toEqual(["begin server_stream", "received", "sent", "sent", "end Internal"]);
});

test("a client stream that fails ends once, with the code the client gets", async () => {
  const { client, heard } = await startObserved();
  const answer = client().echoClientStream(streamOf({ behaviour: { failCode: Code.Aborted } }));
  await expect(answer).rejects.toMatchObject({ code: Code.Aborted });
  expect(heard).toEqual(["begin client_stream", "received", "end Aborted"]);
});

test("a bidirectional stream that fails half-way ends once, with the code the client gets", async () => {
  const { client, heard } = await startObserved();
  const answers = client().echoBidiStream(streamOf({ text: "a" }, { behaviour: { failCode: Code.DataLoss } }));
  await expect(collect(answers)).rejects.toMatchObject({ code: Code.DataLoss });
  expect(heard).toEqual(["begin bidi_stream", "received", "sent", "received", "end DataLoss"]);
});

test.each([
  { handler: "waits", request: { count: 10_000, behaviour: { delayMs: 10 } } },
  { handler: "floods it", request: { count: 1_000_000, text: "x".repeat(100_000) } },
])("a server stream whose client leaves half-way, while the handler $handler, ends once, as Canceled", async (row) => {
  const { client, ended, heard, server } = await startObserved();
  const leaving = new AbortController();
  const leave = async () => {
    for await (const { index } of client().echoServerStream(row.request, { signal: leaving.signal })) {
      if (index === 1) leaving.abort();
    }
  };
  await expect(leave()).rejects.toMatchObject({ code: Code.Canceled });
  await ended();
  await server.close();
  expect(heard.slice(0, 4)).toEqual(["begin server_stream", "received", "sent", "sent"]);
  expect(heard.filter((event) => event.startsWith("end"))).toEqual(["end Canceled"]);
});

test("a unary call whose client leaves ends once, as Canceled", async () => {
  const { client, ended, heard, server } = await startObserved();
  const leaving = new AbortController();
  const answer = client().echo({ behaviour: { delayMs: 60_000 } }, { signal: leaving.signal });
  await vi.waitFor(() => expect(heard).toContain("received"));
  leaving.abort();
  await expect(answer).rejects.toMatchObject({ code: Code.Canceled });
  await ended();
  await server.close();
  expect(heard).toEqual(["begin unary", "received", "end Canceled"]);
});

// Only the server is told of these deadlines: the client would leave at the same time.
const DEADLINE = { headers: { "grpc-timeout": "50m" } };

test("a unary call whose deadline passes ends once, as DeadlineExceeded", async () => {
  const { client, heard, server } = await startObserved();
  const answer = client().echo({ behaviour: { delayMs: 60_000 } }, DEADLINE);
  await expect(answer).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  await server.close();
  expect(heard).toEqual(["begin unary", "received", "end DeadlineExceeded"]);
});

test("a server stream whose deadline passes half-way ends once, as DeadlineExceeded", async () => {
  const { client, heard, server } = await startObserved({
    async *echoServerStream(_request, { signal }) {
      yield { index: 0 };
      await once(signal, "abort");
    },
  });
  const answers = client().echoServerStream({}, DEADLINE);
  await expect(collect(answers)).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  await server.close();
  expect(heard).toEqual(["begin server_stream", "received", "sent", "end DeadlineExceeded"]);
});

test("the calls that a drain cuts short end once, as Unavailable", async () => {
  const { client, heard, server } = await startObserved();
  const answer = client().echo({ behaviour: { delayMs: 60_000 } });
  const refused = expect(answer).rejects.toMatchObject({ code: Code.Unavailable });
  await vi.waitFor(() => expect(heard).toContain("received"));
  await server.drain({ timeoutMs: 0 });
  await refused;
  expect(heard).toEqual(["begin unary", "received", "end Unavailable"]);
});

test.each(PROTOCOLS)("a call says that it came by %s, and of which method it is", async (protocol) => {
  const calls: ObservedCall[] = [];
  const before = performance.now();
  const observe = createObserveInterceptor([{ begin: (call) => calls.push(call) }]);
  const { client } = await startEchoServer({ interceptors: [observe] });
  await client(protocol).echo({});
  expect(calls).toEqual([
    {
      service: "echo.v1.EchoService",
      method: "Echo",
      kind: "unary",
      protocol,
      httpVersion: expect.stringMatching(/^(1\.1|2)$/),
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      startedMs: expect.any(Number),
    },
  ]);
  expect(calls[0]?.startedMs).toBeGreaterThanOrEqual(before);
  expect(calls[0]?.startedMs).toBeLessThanOrEqual(performance.now());
});

test("a GET of Connect, which has no content type, counts as Connect", async () => {
  const calls: ObservedCall[] = [];
  const observe = createObserveInterceptor([{ begin: (call) => calls.push(call) }]);
  const { baseUrl } = await startEchoServer({ interceptors: [observe] });
  const response = await fetch(`${baseUrl}/echo.v1.EchoService/Echo?encoding=json&message=%7B%7D&connect=v1`);
  expect(response.status).toBe(200);
  expect(calls.map(({ protocol }) => protocol)).toEqual(["connect"]);
});

test("every observer hears every call, also beside one that hears nothing", async () => {
  const [first, second] = [recordCalls(), recordCalls()];
  const observe = createObserveInterceptor([first.observer, {}, second.observer]);
  const { client } = await startEchoServer({ interceptors: [observe] });
  await client().echo({});
  await collect(client().echoServerStream({ count: 1 }));
  expect(first.heard).toHaveLength(8);
  expect(second.heard).toEqual(first.heard);
});

test("a streaming call that an inner interceptor answers as a unary one ends once, as Internal", async () => {
  const { observer, heard } = recordCalls();
  const observe = createObserveInterceptor([observer]);
  const mixUp = () => async () => ({ stream: false }) as UnaryResponse;
  const { client } = await startEchoServer({ interceptors: [observe, mixUp] });
  await expect(collect(client().echoServerStream({ count: 1 }))).rejects.toMatchObject({ code: Code.Internal });
  expect(heard).toEqual(["begin server_stream", "end Internal"]);
});

test("what is thrown and is no ConnectError counts as Internal, as which the client gets it", async () => {
  const { observer, heard } = recordCalls();
  const { client } = await startEchoServer({ interceptors: [createObserveInterceptor([observer])] });
  const answer = client().echo({ behaviour: { throwText: "secret" } });
  await expect(answer).rejects.toMatchObject({ code: Code.Internal });
  expect(heard).toEqual(["begin unary", "received", "end Internal"]);
});

test("a stream whose reader stops half-way, without a word, ends once, as Canceled", async () => {
  const { observer, heard } = recordCalls();
  const next = async () => ({ stream: true, message: streamOf("a", "b") }) as unknown as StreamResponse;
  const request = {
    stream: true,
    service: EchoService,
    method: EchoService.method.echoBidiStream,
    header: new Headers(),
    contextValues: createContextValues(),
    signal: new AbortController().signal,
    message: streamOf(),
  } as unknown as StreamRequest;
  const response = await createObserveInterceptor([observer])(next)(request);
  for await (const message of response.message as AsyncIterable<unknown>) {
    expect(message).toBe("a");
    break;
  }
  expect(heard).toEqual(["begin bidi_stream", "sent", "end Canceled"]);
});
