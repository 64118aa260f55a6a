import type { DescMethodUnary } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel, StructSchema } from "@bufbuild/protobuf/wkt";
import type { Code, ConnectRouter } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { RpcServerOptions } from "../../src/index.ts";
import { echoService } from "../echo-service.ts";
import { EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import { startEchoServer } from "../start-echo-server.ts";
import { connectHttpStatus, type Outcome, readOutcome } from "./answers.ts";
import { FAULT_HEADER, listenToCalls } from "./call-listener.ts";
import { openConnection } from "./connections.ts";
import { envelope, goodRequest, type RawRequest } from "./requests.ts";
import { grpc, type Wire } from "./wires.ts";

export interface ExpectedAnswer {
  /** The RPC's code; undefined with no httpStatus: it is served. */
  readonly code?: Code;
  /** In the answer, when it is served. Default: what was asked for, "hi". */
  readonly text?: string;
  /** Of an answer that is none of the protocol's. */
  readonly httpStatus?: number;
  /** HTTP/2: instead of an answer. */
  readonly resetCode?: number;
  readonly message?: RegExp;
  /** Headers or trailers. */
  readonly metadata?: Readonly<Record<string, RegExp>>;
  /** The connection is closed afterwards. */
  readonly closes?: boolean;
}

/** Something that a client does wrong, and what it gets for it. */
export interface Fault {
  /** What is wrong, as the beginning of a sentence. */
  readonly fault: string;
  readonly on: readonly Wire[];
  /** What differs from a good request; headers are added to its own. */
  readonly request: (wire: Wire) => Partial<RawRequest>;
  readonly answer: ExpectedAnswer | ((wire: Wire) => ExpectedAnswer);
  readonly options?: Partial<RpcServerOptions>;
}

const { echo } = EchoService.method;

/** Messages that nest without end. */
const echoStruct: DescMethodUnary<typeof StructSchema, typeof StructSchema> = {
  ...echo,
  name: "EchoStruct",
  localName: "echoStruct",
  input: StructSchema,
  output: StructSchema,
};
export const STRUCT_PATH = "/echo.v1.EchoService/EchoStruct";

/** Not to be called by GET. */
const change: typeof echo = {
  ...echo,
  name: "Change",
  localName: "change" as "echo",
  idempotency: MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN as typeof echo.idempotency,
};
export const CHANGE_PATH = "/echo.v1.EchoService/Change";

function routes(router: ConnectRouter): void {
  router
    .service(EchoService, echoService)
    .rpc(echoStruct, (message) => message)
    .rpc(change, ({ text }) => ({ text }));
}

/** One test for every fault in every protocol it can be committed in. */
export function judgeFaults(faults: readonly Fault[]): void {
  for (const fault of faults) {
    describe(fault.fault, () => {
      test.each([...fault.on])("gets its answer over $name, and nothing else suffers", (wire) => judge(fault, wire));
    });
  }
}

async function judge(fault: Fault, wire: Wire): Promise<void> {
  const expected = typeof fault.answer === "function" ? fault.answer(wire) : fault.answer;
  const calls = listenToCalls();
  const { port, errors } = await startEchoServer({ routes, ...calls.options, ...fault.options });
  const connection = await openConnection(port, wire.httpVersion);
  const bystander = wire.httpVersion === "2" ? connection.begin(UPLOAD) : undefined;
  const good = goodRequest(wire);
  const bad = fault.request(wire);
  const request = { ...good, ...bad, headers: { ...good.headers, [FAULT_HEADER]: "1", ...bad.headers } };

  const answer = await connection.send(request);
  if (expected.resetCode !== undefined) {
    expect(answer).toMatchObject({ status: 0, resetCode: expected.resetCode });
  } else {
    expectOutcome(readOutcome(wire, answer), expected, wire);
  }

  // The connection, unless its own framing is lost, and what else runs on it.
  if (expected.closes) await connection.closed();
  const framingIsLost = expected.closes || (request.open && wire.httpVersion === "1.1");
  const after = framingIsLost ? await openConnection(port, wire.httpVersion) : connection;
  expectServed(readOutcome(wire, await after.send(good)));
  if (bystander !== undefined && !expected.closes) expectServed(readOutcome(grpc, await bystander.finish()));
  expect(errors).toEqual([]);
  if (expected.httpStatus === undefined && expected.resetCode === undefined) await calls.heard(expected.code);
}

/** A call that goes on while another one fails. */
const UPLOAD: RawRequest = {
  method: "POST",
  path: "/echo.v1.EchoService/EchoClientStream",
  headers: { "content-type": "application/grpc", te: "trailers" },
  body: envelope(Buffer.from("\x0a\x02hi", "latin1")),
};

function expectOutcome(outcome: Outcome, expected: ExpectedAnswer, wire: Wire): void {
  const isUnaryConnect = wire.protocol === "connect" && wire.framing !== "envelope";
  if (expected.httpStatus !== undefined) {
    expect(outcome.httpStatus).toBe(expected.httpStatus);
  } else if (expected.code === undefined) {
    expectServed(outcome, expected.text);
  } else {
    const { code, httpStatus } = outcome;
    const { code: expectedCode } = expected;
    expect({ code, httpStatus, message: outcome.message }).toMatchObject({
      code: expectedCode,
      httpStatus: isUnaryConnect ? connectHttpStatus(expectedCode) : 200,
    });
    expect(outcome.messages).toEqual([]);
  }
  if (expected.message !== undefined) expect(outcome.message).toMatch(expected.message);
  for (const [name, value] of Object.entries(expected.metadata ?? {})) {
    expect(outcome.metadata.get(name) ?? "").toMatch(value);
  }
}

function expectServed({ code, httpStatus, messages }: Outcome, text = "hi"): void {
  expect({ code, httpStatus }).toEqual({ code: undefined, httpStatus: 200 });
  expect(Buffer.concat(messages).toString()).toContain(text);
}
