import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { BadRequestSchema } from "../src/gen/google/rpc/error_details_pb.ts";
import { notFound, playTable } from "./conformance-table.ts";
import { wires } from "./http-client.ts";
import { jsonOf, startLibrary } from "./start-library.ts";

const GET = "GET /v1/shelves/1/books/2";

/** google/rpc/code.proto, "HTTP Mapping". */
const CODES: readonly (readonly [Code, number, string])[] = [
  [Code.Canceled, 499, "CANCELLED"],
  [Code.Unknown, 500, "UNKNOWN"],
  [Code.InvalidArgument, 400, "INVALID_ARGUMENT"],
  [Code.DeadlineExceeded, 504, "DEADLINE_EXCEEDED"],
  [Code.NotFound, 404, "NOT_FOUND"],
  [Code.AlreadyExists, 409, "ALREADY_EXISTS"],
  [Code.PermissionDenied, 403, "PERMISSION_DENIED"],
  [Code.Unauthenticated, 401, "UNAUTHENTICATED"],
  [Code.ResourceExhausted, 429, "RESOURCE_EXHAUSTED"],
  [Code.FailedPrecondition, 400, "FAILED_PRECONDITION"],
  [Code.Aborted, 409, "ABORTED"],
  [Code.OutOfRange, 400, "OUT_OF_RANGE"],
  [Code.Unimplemented, 501, "UNIMPLEMENTED"],
  [Code.Internal, 500, "INTERNAL"],
  [Code.Unavailable, 503, "UNAVAILABLE"],
  [Code.DataLoss, 500, "DATA_LOSS"],
];

describe.each(wires)("what handlers throw, %s", (wire) => {
  test.each(CODES)("code %i is HTTP's %i, %s", async (code, httpStatus, status) => {
    const getBook = () => {
      throw new ConnectError("no", code);
    };
    const { call } = await startLibrary({ handlers: { getBook } });

    const answer = await call(GET, { wire });

    expect(answer.status).toBe(httpStatus);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(jsonOf(answer)).toEqual({ error: { code: httpStatus, status, message: "no", details: [] } });
  });

  test("what is no ConnectError is INTERNAL, without its text", async () => {
    const getBook = () => {
      throw new Error("secret");
    };
    const { call } = await startLibrary({ handlers: { getBook } });

    const answer = await call(GET, { wire });

    expect(answer.status).toBe(500);
    expect(jsonOf(answer)).toMatchObject({ error: { code: 500, status: "INTERNAL" } });
    expect(answer.body.toString()).not.toContain("secret");
  });
});

const withDetails = () => {
  const value = { fieldViolations: [{ field: "name", description: "is too short" }] };
  throw new ConnectError("no", Code.InvalidArgument, { "retry-after": "3" }, [{ desc: BadRequestSchema, value }]);
};

test("details are JSON with their type, metadata is headers", async () => {
  const { call } = await startLibrary({ handlers: { getBook: withDetails } });

  const answer = await call(GET);

  expect(answer.headers["retry-after"]).toBe("3");
  expect(jsonOf(answer)).toMatchObject({
    error: {
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.BadRequest",
          fieldViolations: [{ field: "name", description: "is too short" }],
        },
      ],
    },
  });
});

describe("errorFormat: status", () => {
  const rest = { errorFormat: "status" } as const;

  test("a handler's error is a google.rpc.Status", async () => {
    const { call } = await startLibrary({ rest, handlers: { getBook: withDetails } });

    const answer = await call(GET);

    expect(answer.status).toBe(400);
    expect(jsonOf(answer)).toMatchObject({
      code: 3,
      message: "no",
      details: [{ fieldViolations: [{ field: "name" }] }],
    });
  });

  test.each([
    ["GET /nowhere", 404, Code.NotFound],
    ["POST /v1/shelves/1/books:count", 405, Code.Unimplemented],
    ["GET /v1/messages/%zz", 400, Code.InvalidArgument],
    ["GET /v1/shelves/1/books:watch", 501, Code.Unimplemented],
  ])("and so is that of %s", async (line, httpStatus, code) => {
    const { call } = await startLibrary({ rest });

    const answer = await call(line);

    expect(answer.status).toBe(httpStatus);
    expect(jsonOf(answer)).toEqual({ code, message: expect.any(String), details: [] });
  });
});

const notStreaming = {
  error: { code: 501, status: "UNIMPLEMENTED", message: "streaming methods are not served as REST" },
};

playTable("what is not served", [
  { says: "no path", send: "GET /v1/nowhere", ...notFound },
  { says: "a POST to none", send: "POST /v1/nowhere", body: {}, ...notFound },
  { says: "an RPC without a rule", send: "GET /v1/audit", ...notFound },
  { says: "streams of the server", send: "GET /v1/shelves/1/books:watch", ...notStreaming },
  { says: "streams of the client", send: "POST /v1/books:import", body: {}, ...notStreaming },
  {
    says: "a request with an expectation",
    send: GET,
    headers: { expect: "something" },
    error: { code: 417, status: "INVALID_ARGUMENT", message: /expectation/ },
  },
  {
    says: "more than maxHeaders",
    send: GET,
    headers: Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-${index}`, "a"])),
    error: { code: 431, status: "RESOURCE_EXHAUSTED", message: /more than 100 headers/ },
  },
]);

test("a target that is longer than maxHeaderBytes is Node's 431, in JSON", async () => {
  const { call } = await startLibrary();

  const answer = await call(`GET /v1/messages/${"a".repeat(20_000)}`);

  expect(answer.status).toBe(431);
  expect(answer.headers["content-type"]).toBe("application/json");
  expect(jsonOf(answer)).toMatchObject({ error: { code: 431, status: "RESOURCE_EXHAUSTED" } });
});

test("a call above maxCalls is 503, with RetryInfo", async () => {
  const { call } = await startLibrary({ server: { maxCalls: 0 } });

  const answer = await call(GET);

  expect(answer.status).toBe(503);
  expect(jsonOf(answer)).toMatchObject({
    error: { status: "UNAVAILABLE", details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo" }] },
  });
});

test("the errors of the server itself are put in mapError's words", async () => {
  const mapError = ({ code }: ConnectError) => new ConnectError("ours", code);
  const { call } = await startLibrary({ server: { mapError } });

  for (const line of ["GET /nowhere", "GET /v1/messages/%zz", "GET /v1/messages/1?nothing"]) {
    expect(jsonOf(await call(line)), line).toMatchObject({ error: { message: "ours" } });
  }
});
