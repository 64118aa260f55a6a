import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "#api/google/rpc/error_details_pb.ts";
import {
  Aborted,
  AlreadyExists,
  DeadlineExceeded,
  DomainError,
  FailedPrecondition,
  InvalidArgument,
  NotFound,
  PermissionDenied,
  ResourceExhausted,
  Unauthenticated,
  Unavailable,
} from "#internal/pkg/errors/errors.ts";
import {
  captureLog,
  collect,
  type EchoServerOptions,
  EchoService,
  PROTOCOLS,
  startEchoServer,
  streamOf,
} from "./echo-server.fixture.ts";
import { createErrorsInterceptor } from "./errors.ts";
import { createRequestIdInterceptor } from "./request-id.ts";

/** A server whose unary method throws `error`. */
const startThrowing = (error: unknown) =>
  start({
    echo() {
      throw error;
    },
  });

async function start(echo: EchoServerOptions["echo"] = {}) {
  const { logger, lines } = captureLog();
  const interceptors = [
    createRequestIdInterceptor({ newId: () => "r-1" }),
    createErrorsInterceptor({ domain: "echo", logger }),
  ];
  return { ...(await startEchoServer({ interceptors, echo })), lines };
}

function catchError(promise: Promise<unknown>): Promise<ConnectError> {
  return promise.then(
    () => expect.unreachable(),
    (error: unknown) => ConnectError.from(error),
  );
}

/** All details of an error, as a client decodes them. */
const detailsOf = (error: ConnectError) => ({
  errorInfo: error.findDetails(ErrorInfoSchema),
  badRequest: error.findDetails(BadRequestSchema),
  resourceInfo: error.findDetails(ResourceInfoSchema),
  retryInfo: error.findDetails(RetryInfoSchema),
});

const NO_DETAILS = { errorInfo: [], badRequest: [], resourceInfo: [], retryInfo: [] };

const options = { reason: "A_REASON", message: "what is wrong", metadata: { fact: "f" }, cause: new Error("secret") };
const resource = { type: "echo.v1.Thing", name: "thing-1" };
const errorInfo = [{ reason: "A_REASON", domain: "echo", metadata: { fact: "f" } }];
const resourceInfo = [{ resourceType: "echo.v1.Thing", resourceName: "thing-1", owner: "", description: "" }];

test.each([
  { error: new NotFound({ ...options, resource }), code: Code.NotFound, details: { errorInfo, resourceInfo } },
  {
    error: new AlreadyExists({ ...options, resource }),
    code: Code.AlreadyExists,
    details: { errorInfo, resourceInfo },
  },
  { error: new Aborted(options), code: Code.Aborted, details: { errorInfo } },
  { error: new FailedPrecondition(options), code: Code.FailedPrecondition, details: { errorInfo } },
  { error: new Unauthenticated(options), code: Code.Unauthenticated, details: { errorInfo } },
  { error: new PermissionDenied(options), code: Code.PermissionDenied, details: { errorInfo } },
  { error: new DeadlineExceeded(options), code: Code.DeadlineExceeded, details: { errorInfo } },
  {
    error: new ResourceExhausted({ ...options, retryAfterMs: 1_500 }),
    code: Code.ResourceExhausted,
    details: { errorInfo, retryInfo: [{ retryDelay: { seconds: 1n, nanos: 500_000_000 } }] },
  },
  {
    error: new Unavailable({ ...options, retryAfterMs: 2_000 }),
    code: Code.Unavailable,
    details: { errorInfo, retryInfo: [{ retryDelay: { seconds: 2n, nanos: 0 } }] },
  },
])("$error.name becomes code $code with its details, and nothing of its cause", async ({ error, code, details }) => {
  const { client, lines } = await startThrowing(error);
  const received = await catchError(client().echo({}));
  expect(received).toMatchObject({ code, rawMessage: "what is wrong" });
  expect(detailsOf(received)).toMatchObject({ ...NO_DETAILS, ...details });
  expect(received.details).toHaveLength(Object.keys(details).length);
  expect(JSON.stringify([received.message, received.details, [...received.metadata]])).not.toContain("secret");
  expect(lines).toEqual([]);
});

test("InvalidArgument becomes INVALID_ARGUMENT with a BadRequest that names every field", async () => {
  const violations = [
    { field: "user.email", description: "is no address" },
    { field: "", description: "has too much" },
  ];
  const { client } = await startThrowing(new InvalidArgument(violations));
  const received = await catchError(client().echo({}));
  expect(received).toMatchObject({
    code: Code.InvalidArgument,
    rawMessage: "user.email: is no address; has too much",
  });
  expect(detailsOf(received)).toMatchObject({
    ...NO_DETAILS,
    errorInfo: [{ reason: "INVALID_REQUEST", domain: "echo", metadata: {} }],
    badRequest: [{ fieldViolations: violations }],
  });
});

test("a DomainError of a class that the table does not know becomes INTERNAL with its ErrorInfo", async () => {
  class Novel extends DomainError {}
  const { client } = await startThrowing(new Novel(options));
  const received = await catchError(client().echo({}));
  expect(received.code).toBe(Code.Internal);
  expect(detailsOf(received)).toMatchObject({ ...NO_DETAILS, errorInfo });
});

test("a class derived from one of the taxonomy's has the code of that one", async () => {
  class Expired extends FailedPrecondition {}
  const { client } = await startThrowing(new Expired(options));
  await expect(client().echo({})).rejects.toMatchObject({ code: Code.FailedPrecondition });
});

test("Aborted may say when to retry", async () => {
  const { client } = await startThrowing(new Aborted({ ...options, retryAfterMs: 250 }));
  const received = await catchError(client().echo({}));
  expect(detailsOf(received)).toMatchObject({
    ...NO_DETAILS,
    errorInfo,
    retryInfo: [{ retryDelay: { seconds: 0n, nanos: 250_000_000 } }],
  });
});

describe("a ConnectError", () => {
  test("keeps its code, text and details, and has an ErrorInfo with the name of its code", async () => {
    const detail = { desc: EchoService.method.echo.output, value: { text: "detail" } };
    const { client, lines } = await startThrowing(new ConnectError("so be it", Code.OutOfRange, undefined, [detail]));
    const received = await catchError(client().echo({}));
    expect(received).toMatchObject({ code: Code.OutOfRange, rawMessage: "so be it" });
    expect(received.findDetails(EchoService.method.echo.output)).toMatchObject([{ text: "detail" }]);
    expect(received.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "OUT_OF_RANGE", domain: "echo", metadata: {} },
    ]);
    expect(received.details).toHaveLength(2);
    expect(lines).toEqual([]);
  });

  test("that has an ErrorInfo passes as it is", async () => {
    const detail = { desc: ErrorInfoSchema, value: { reason: "ITS_OWN", domain: "elsewhere" } };
    const { client } = await startThrowing(new ConnectError("so be it", Code.Unavailable, undefined, [detail]));
    const received = await catchError(client().echo({}));
    expect(received.details).toHaveLength(1);
    expect(received.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "ITS_OWN", domain: "elsewhere" }]);
  });

  test.each(PROTOCOLS)("of a deadline has it over %s, in unary calls and in streams", async (protocol) => {
    const { client } = await start({
      echo: () => new Promise(() => {}),
      async *echoServerStream() {
        yield {};
        await new Promise(() => {});
      },
    });
    // Told to the server alone: a client that knew of it would give up by itself.
    const timeout = protocol === "connect" ? ["connect-timeout-ms", "60"] : ["grpc-timeout", "60m"];
    const options = { headers: Object.fromEntries([timeout]) };
    const calls = [
      () => client(protocol).echo({}, options),
      () => collect(client(protocol).echoServerStream({}, options)),
    ];
    for (const call of calls) {
      const received = await catchError(call());
      expect(received.code).toBe(Code.DeadlineExceeded);
      expect(received.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "DEADLINE_EXCEEDED", domain: "echo" }]);
    }
  });

  test("of a shutdown has it, and a RetryInfo: another instance may answer", async () => {
    const { client, server } = await start({ echo: () => new Promise(() => {}) });
    const connected = client();
    const answers = [catchError(connected.echo({})), catchError(connected.echo({}))];
    await collect(connected.echoServerStream({ count: 1 })); // By now the others run.
    await server.drain({ timeoutMs: 0 });
    for (const received of await Promise.all(answers)) {
      expect(received.code).toBe(Code.Unavailable);
      expect(received.details).toHaveLength(2);
      expect(detailsOf(received)).toMatchObject({
        errorInfo: [{ reason: "UNAVAILABLE", domain: "echo" }],
        retryInfo: [{ retryDelay: { seconds: 0n, nanos: 500_000_000 } }],
      });
    }
  });

  test("of a method that is not implemented has it", async () => {
    const { client } = await startThrowing(new ConnectError("not implemented", Code.Unimplemented));
    const received = await catchError(client().echo({}));
    expect(received.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "UNIMPLEMENTED", domain: "echo" }]);
  });
});

describe("what is unknown", () => {
  test.each(PROTOCOLS)("becomes INTERNAL over %s, with the request id and nothing else", async (protocol) => {
    const { client } = await startThrowing(new TypeError("password=x", { cause: "token=y" }));
    const received = await catchError(client(protocol).echo({}));
    expect(received).toMatchObject({ code: Code.Internal, rawMessage: "internal error; request id r-1" });
    expect(detailsOf(received)).toMatchObject({
      ...NO_DETAILS,
      errorInfo: [{ reason: "INTERNAL", domain: "echo", metadata: { requestId: "r-1" } }],
    });
    expect(received.details).toHaveLength(1);
    expect([...received.metadata].join()).not.toMatch(/password|token|TypeError/);
  });

  test("is logged once, with the request id, its stack and its cause", async () => {
    const { client, lines } = await startThrowing(new TypeError("boom", { cause: new Error("the cause") }));
    await catchError(client().echo({}));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: "error", message: "unknown error", requestId: "r-1" });
    expect(lines[0]?.error).toMatch(/^TypeError: boom\n +at .*errors\.test\.ts/);
    expect(lines[0]?.error).toContain("caused by: Error: the cause");
  });

  test.each([["a string"], [undefined], [null], [{ some: "object" }]])(
    "becomes INTERNAL and is logged also when it is %j and no Error",
    async (thrown) => {
      const { client, lines } = await startThrowing(thrown);
      const received = await catchError(client().echo({}));
      expect(received).toMatchObject({ code: Code.Internal, rawMessage: "internal error; request id r-1" });
      expect(lines).toHaveLength(1);
      expect(lines[0]?.error).toEqual(thrown);
    },
  );

  test("outside a request that has an id becomes INTERNAL without one", async () => {
    const { logger } = captureLog();
    const { client } = await startEchoServer({ interceptors: [createErrorsInterceptor({ domain: "echo", logger })] });
    const received = await catchError(client().echo({ behaviour: { throwText: "secret" } }));
    expect(received).toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
    expect(received.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "INTERNAL", metadata: {} }]);
  });
});

describe.each(PROTOCOLS)("over %s, what a stream throws half-way", (protocol) => {
  test("becomes the code and details of its DomainError, after the messages before it", async () => {
    const { client, lines } = await start({
      async *echoServerStream() {
        yield { text: "first" };
        throw new NotFound({ ...options, resource });
      },
    });
    const texts: string[] = [];
    const received = await catchError(
      (async () => {
        for await (const { text } of client(protocol).echoServerStream({})) texts.push(text);
      })(),
    );
    expect(texts).toEqual(["first"]);
    expect(received).toMatchObject({ code: Code.NotFound, rawMessage: "what is wrong" });
    expect(detailsOf(received)).toMatchObject({ ...NO_DETAILS, errorInfo, resourceInfo });
    expect(lines).toEqual([]);
  });

  test("becomes INTERNAL with the request id when it is unknown, and is logged once under that id", async () => {
    const { client, lines } = await start();
    const request = { count: 1, behaviour: { throwText: "password=x" } };
    const received = await catchError(collect(client(protocol).echoServerStream(request)));
    expect(received).toMatchObject({ code: Code.Internal, rawMessage: "internal error; request id r-1" });
    expect(lines).toMatchObject([{ message: "unknown error", requestId: "r-1" }]);
    expect(lines[0]?.error).toMatch(/^Error: password=\[redacted\]\n +at /);
  });
});

test("client streams and bidirectional ones that fail have their errors mapped too", async () => {
  const { client, lines } = await start();
  const failing = () => streamOf({ text: "fine" }, { behaviour: { throwText: "secret" } });
  const internal = { code: Code.Internal, rawMessage: "internal error; request id r-1" };
  await expect(client().echoClientStream(failing())).rejects.toMatchObject(internal);
  await expect(collect(client().echoBidiStream(failing()))).rejects.toMatchObject(internal);
  expect(lines).toHaveLength(2);
});
