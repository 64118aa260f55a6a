import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";
import { currentRequestContext } from "#internal/pkg/call/request-context.ts";
import {
  collect,
  connectTo,
  type EchoServerOptions,
  EchoService,
  PROTOCOLS,
  startEchoServer,
  streamOf,
} from "./echo-server.fixture.ts";
import { createRequestIdInterceptor } from "./request-id.ts";

const NEW_ID = "new-id";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const start = (echo: EchoServerOptions["echo"] = {}) =>
  startEchoServer({ interceptors: [createRequestIdInterceptor({ newId: () => NEW_ID })], echo });

/** The request id that the running code works under, as an answer. */
const idAsText = () => ({ text: currentRequestContext()?.requestId ?? "none" });

function catchError(promise: Promise<unknown>): Promise<ConnectError> {
  return promise.then(
    () => expect.unreachable(),
    (error: unknown) => ConnectError.from(error),
  );
}

/** A call's options, and where the id in the answer's headers ends up. */
function answerId(requestId?: string) {
  const answer: { id: string | null } = { id: null };
  return {
    answer,
    options: {
      ...(requestId !== undefined && { headers: { "x-request-id": requestId } }),
      onHeader: (header: Headers) => {
        answer.id = header.get("x-request-id");
      },
    },
  };
}

test.each([
  ["a UUID", "5f0c7c1e-8a3f-4e0e-9d3a-0d4f8f1f7a11"],
  ["one character", "x"],
  ["128 characters", "a".repeat(128)],
  ["every character that is allowed", "AZaz09._:/+=-"],
])("an id of %s is kept, for the handler and in the answer", async (_what, id) => {
  const { client } = await start({ echo: idAsText });
  const { answer, options } = answerId(id);
  await expect(client().echo({}, options)).resolves.toMatchObject({ text: id });
  expect(answer.id).toBe(id);
});

test.each([
  ["that is missing", undefined],
  ["that is empty", ""],
  ["of 129 characters", "a".repeat(129)],
  ["with a space", "a b"],
  ["with a quote", 'a"b'],
  ["with a brace", "a{b"],
  ["with a letter beyond ASCII", "é"],
  ["with a comma, as two headers give", "a, b"],
])("an id %s is replaced, for the handler and in the answer", async (_what, id) => {
  const { client } = await start({ echo: idAsText });
  const { answer, options } = answerId(id);
  await expect(client().echo({}, options)).resolves.toMatchObject({ text: NEW_ID });
  expect(answer.id).toBe(NEW_ID);
});

test("new ids are UUIDs, each another one", async () => {
  const { client } = await startEchoServer({ interceptors: [createRequestIdInterceptor()], echo: { echo: idAsText } });
  const [first, second] = [await client().echo({}), await client().echo({})];
  expect(first.text).toMatch(UUID);
  expect(second.text).toMatch(UUID);
  expect(first.text).not.toBe(second.text);
});

test.each(PROTOCOLS)("an error over %s brings the id back, kept or new", async (protocol) => {
  const { client } = await start();
  const failing = { behaviour: { failCode: Code.NotFound } };
  const kept = await catchError(client(protocol).echo(failing, { headers: { "x-request-id": "r-1" } }));
  expect(kept.metadata.get("x-request-id")).toBe("r-1");
  const replaced = await catchError(client(protocol).echo(failing));
  expect(replaced.metadata.get("x-request-id")).toBe(NEW_ID);
});

test.each(PROTOCOLS)("an error keeps its code, message, metadata and details over %s", async (protocol) => {
  const { client } = await start({
    echo() {
      const detail = { desc: EchoService.method.echo.output, value: { text: "detail" } };
      throw new ConnectError("no", Code.Aborted, { "x-more": "facts" }, [detail]);
    },
  });
  const error = await catchError(client(protocol).echo({}));
  expect(error).toMatchObject({ code: Code.Aborted, rawMessage: "no" });
  expect(error.metadata.get("x-more")).toBe("facts");
  expect(error.findDetails(EchoService.method.echo.output)).toMatchObject([{ text: "detail" }]);
});

test.each(PROTOCOLS)("streams over %s have the id in their header, also when they fail half-way", async (protocol) => {
  const { client } = await start();
  const [server, failing] = [answerId("server"), answerId("failing")];
  await collect(client(protocol).echoServerStream({ count: 2 }, server.options));
  expect(server.answer.id).toBe("server");
  const request = { count: 2, behaviour: { failCode: Code.DataLoss } };
  await catchError(collect(client(protocol).echoServerStream(request, failing.options)));
  expect(failing.answer.id).toBe("failing");
});

test("a client stream and a bidirectional one have the id in their header", async () => {
  const { client } = await start();
  const [up, both] = [answerId("up"), answerId("both")];
  await client().echoClientStream(streamOf({ text: "a" }), up.options);
  await collect(client().echoBidiStream(streamOf({ text: "a" }), both.options));
  expect([up.answer.id, both.answer.id]).toEqual(["up", "both"]);
});

test("a handler that streams works under its request's id before, between and after its messages", async () => {
  const after = vi.fn();
  const { client } = await start({
    async *echoServerStream() {
      yield idAsText();
      await new Promise((resolve) => setImmediate(resolve));
      yield idAsText();
      yield idAsText();
      after(idAsText().text);
    },
  });
  const stream = (id: string) => collect(client().echoServerStream({}, { headers: { "x-request-id": id } }));
  const answers = await Promise.all(["a", "b", "c"].map(stream));
  expect(answers.map((texts) => texts.map(({ text }) => text))).toEqual([
    ["a", "a", "a"],
    ["b", "b", "b"],
    ["c", "c", "c"],
  ]);
  expect(after.mock.calls.flat().toSorted()).toEqual(["a", "b", "c"]);
});

test("a handler that streams cleans up under its request's id when its client has left", async () => {
  const cleanedUp = Promise.withResolvers<string>();
  const { client } = await start({
    async *echoServerStream() {
      try {
        for (;;) yield {};
      } finally {
        cleanedUp.resolve(idAsText().text);
      }
    },
  });
  const leaving = new AbortController();
  const options = { headers: { "x-request-id": "left" }, signal: leaving.signal };
  const stream = async () => {
    for await (const _ of client().echoServerStream({}, options)) leaving.abort();
  };
  await expect(stream()).rejects.toMatchObject({ code: Code.Canceled });
  await expect(cleanedUp.promise).resolves.toBe("left");
});

test("a handler that reads a stream works under its request's id", async () => {
  const { client } = await start({
    async echoClientStream(requests) {
      const ids: string[] = [];
      for await (const _ of requests) ids.push(idAsText().text);
      return { text: ids.join(" ") };
    },
    async *echoBidiStream(requests) {
      for await (const _ of requests) yield idAsText();
    },
  });
  const headers = { "x-request-id": "r" };
  await expect(client().echoClientStream(streamOf({}, {}), { headers })).resolves.toMatchObject({ text: "r r" });
  await expect(collect(client().echoBidiStream(streamOf({}, {}), { headers }))).resolves.toMatchObject([
    { text: "r" },
    { text: "r" },
  ]);
});

test("calls that end for the same reason, at a shutdown, each get their own id back", async () => {
  const { client, server } = await start();
  const connected = client();
  const ids = ["a", "b", "c"];
  const answers = ids.map((id) =>
    catchError(connected.echo({ behaviour: { delayMs: 60_000 } }, { headers: { "x-request-id": id } })),
  );
  await connected.echo({}); // By now the others run.
  await server.drain({ timeoutMs: 0 });
  const errors = await Promise.all(answers);
  expect(errors.map(({ code }) => code)).toEqual([Code.Unavailable, Code.Unavailable, Code.Unavailable]);
  expect(errors.map(({ metadata }) => metadata.get("x-request-id"))).toEqual(ids);
});

test("what another server sent with its error is not passed on", async () => {
  const other = await start({
    echo() {
      throw new ConnectError("no", Code.NotFound, { "x-internal": "secret" });
    },
  });
  const otherClient = other.client();
  const { client } = await start({ echo: () => otherClient.echo({}) });
  const error = await catchError(client().echo({}, { headers: { "x-request-id": "r" } }));
  expect(error).toMatchObject({ code: Code.NotFound });
  expect(error.metadata.get("x-internal")).toBeNull();
  expect(error.metadata.get("x-request-id")).toBe("r");
});

test("an error that is no ConnectError passes as it is", async () => {
  const { client } = await start();
  const error = await catchError(client().echo({ behaviour: { throwText: "secret" } }));
  expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
});

test("outside of requests there is no id", async () => {
  const { baseUrl } = await start();
  await createClient(EchoService, connectTo(baseUrl, "grpc")).echo({});
  expect(currentRequestContext()).toBeUndefined();
});

test.each([
  ["always", undefined, NEW_ID, NEW_ID],
  ["always", "sent", "sent", "sent"],
  ["on-error", "sent", null, "sent"],
  ["on-error", undefined, null, NEW_ID],
  ["when-sent", "sent", "sent", "sent"],
  ["when-sent", undefined, null, NEW_ID],
] as const)(
  "returned %s, with %s received: %s in the answer, %s in an error",
  async (returnId, sent, inAnswer, inError) => {
    const interceptor = createRequestIdInterceptor({ returnId, newId: () => NEW_ID });
    const { client } = await startEchoServer({ interceptors: [interceptor] });
    const { answer, options } = answerId(sent);
    await client().echo({}, options);
    expect(answer.id).toBe(inAnswer);
    const error = await catchError(client().echo({ behaviour: { failCode: Code.NotFound } }, options));
    expect(error.metadata.get("x-request-id")).toBe(inError);
  },
);
