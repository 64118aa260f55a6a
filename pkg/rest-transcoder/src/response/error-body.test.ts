import { create, createRegistry, toBinary } from "@bufbuild/protobuf";
import { AnySchema, DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { type ErrorFormat, httpStatusOf, statusOfError, writeErrorBody } from "./error-body.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 20261121 };

/** Source: google/rpc/code.proto. */
const MAPPING: readonly [Code, number, string][] = [
  [Code.Canceled, 499, "CANCELLED"],
  [Code.Unknown, 500, "UNKNOWN"],
  [Code.InvalidArgument, 400, "INVALID_ARGUMENT"],
  [Code.DeadlineExceeded, 504, "DEADLINE_EXCEEDED"],
  [Code.NotFound, 404, "NOT_FOUND"],
  [Code.AlreadyExists, 409, "ALREADY_EXISTS"],
  [Code.PermissionDenied, 403, "PERMISSION_DENIED"],
  [Code.ResourceExhausted, 429, "RESOURCE_EXHAUSTED"],
  [Code.FailedPrecondition, 400, "FAILED_PRECONDITION"],
  [Code.Aborted, 409, "ABORTED"],
  [Code.OutOfRange, 400, "OUT_OF_RANGE"],
  [Code.Unimplemented, 501, "UNIMPLEMENTED"],
  [Code.Internal, 500, "INTERNAL"],
  [Code.Unavailable, 503, "UNAVAILABLE"],
  [Code.DataLoss, 500, "DATA_LOSS"],
  [Code.Unauthenticated, 401, "UNAUTHENTICATED"],
];

function bodyOf(
  error: ConnectError,
  httpStatus: number,
  format: ErrorFormat,
  ...rest: [registry?: ReturnType<typeof createRegistry>]
) {
  const { contentType, body } = writeErrorBody(error, httpStatus, format, ...rest);
  expect(contentType).toBe("application/json");
  return JSON.parse(Buffer.from(body).toString("utf8"));
}

test.each(MAPPING)("code %i is HTTP status %i, by the name %s", (code, httpStatus, status) => {
  expect(httpStatusOf(code)).toBe(httpStatus);
  const error = new ConnectError("no", code);
  expect(bodyOf(error, httpStatus, "aip-193")).toEqual({
    error: { code: httpStatus, message: "no", status, details: [] },
  });
  expect(bodyOf(error, httpStatus, "status")).toEqual({ code, message: "no", details: [] });
});

test("what is no code is 500", () => {
  expect(httpStatusOf(99 as Code)).toBe(500);
  expect(bodyOf(new ConnectError("no", 99 as Code), 500, "aip-193").error.status).toBe("UNKNOWN");
});

test("ABORTED is 412 where If-Match asked for it, and 409 elsewhere; other codes stay", () => {
  const aborted = new ConnectError("no", Code.Aborted);
  expect([statusOfError(aborted, true), statusOfError(aborted, false)]).toEqual([412, 409]);
  expect(statusOfError(new ConnectError("no", Code.NotFound), true)).toBe(404);
  expect(bodyOf(aborted, 412, "aip-193").error).toMatchObject({ code: 412, status: "ABORTED" });
});

describe("details", () => {
  const info = { reason: "USER_NOT_FOUND", domain: "user.example.com", metadata: { id: "1" } };
  const infoJson = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", ...info };
  const infoBytes = toBinary(ErrorInfoSchema, create(ErrorInfoSchema, info));
  const detailsOf = (details: ConnectError["details"], registry?: ReturnType<typeof createRegistry>) => {
    const error = new ConnectError("no", Code.NotFound);
    error.details = details;
    const inStatus = bodyOf(error, 404, "status", registry).details;
    expect(bodyOf(error, 404, "aip-193", registry).error.details).toEqual(inStatus);
    return inStatus;
  };

  test("are written with their type, whether they are messages or what makes one", () => {
    const outgoing = { desc: ErrorInfoSchema, value: info };
    expect(detailsOf([outgoing, { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, info) }])).toEqual([
      infoJson,
      infoJson,
    ]);
  });

  test("whose JSON is no object have it as value", () => {
    const value = { seconds: 5n };
    expect(detailsOf([{ desc: DurationSchema, value }])).toEqual([
      { "@type": "type.googleapis.com/google.protobuf.Duration", value: "5s" },
    ]);
  });

  test("of another server are written as JSON where the registry has their type, and as bytes elsewhere", () => {
    const incoming = { type: "google.rpc.ErrorInfo", value: infoBytes };
    expect(detailsOf([incoming], createRegistry(ErrorInfoSchema))).toEqual([infoJson]);
    const bytes = { "@type": infoJson["@type"], value: Buffer.from(infoBytes).toString("base64") };
    expect(detailsOf([incoming])).toEqual([bytes]);
    expect(detailsOf([incoming], createRegistry())).toEqual([bytes]);
  });

  test("that cannot be written are left out, and nothing else", () => {
    const bad: ConnectError["details"] = [
      { desc: TimestampSchema, value: { seconds: 10n ** 15n } },
      { desc: AnySchema, value: { typeUrl: "type.googleapis.com/x.Y" } },
      { desc: ErrorInfoSchema, value: { reason: 1 } as never },
      { type: "google.rpc.ErrorInfo", value: Uint8Array.of(0xff) },
      { type: "x.Y", value: undefined as never },
      null as never,
    ];
    const good = { desc: ErrorInfoSchema, value: info };
    expect(detailsOf([...bad, good], createRegistry(ErrorInfoSchema))).toEqual([infoJson]);
  });
});

test("any message is written; a lone surrogate does not break the text", () => {
  const check = (message: string, format: ErrorFormat) => {
    const json = bodyOf(new ConnectError(message, Code.Internal), 500, format);
    expect((json.error ?? json).message).toBe(message);
  };
  const texts = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\ud800", "\u2028</script>"));
  fc.assert(fc.property(texts, fc.constantFrom<ErrorFormat>("aip-193", "status"), check), parameters);
});
