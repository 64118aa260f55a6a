import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { KindsSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
import { BadRequestSchema } from "../gen/google/rpc/error_details_pb.ts";
import type { Binding } from "../rules/binding.ts";
import { compileIfMatch, etagFromIfMatch, refuseIfNoneMatch } from "./if-match.ts";

interface Shape {
  readonly httpMethod: string;
  readonly body?: string;
}

/** A method whose request is Kinds: `a_string` may play the etag of the request and of the body `itself`. */
function bindingOf({ httpMethod, body }: Shape, input: DescMessage = KindsSchema): Binding {
  return {
    rpc: { input, output: input } as Binding["rpc"],
    httpMethod,
    template: { segments: [], verb: undefined, variables: [] },
    variables: [],
    body: body === undefined || body === "*" ? body : ((KindsSchema as DescMessage).field[body] as DescField),
    responseBody: undefined,
  } as Binding;
}

/** Kinds without `a_string` of its own: a request whose body has the etag. */
const WITHOUT_OWN: DescMessage = {
  ...KindsSchema,
  fields: KindsSchema.fields.filter(({ name }) => name !== "a_string"),
} as DescMessage;

function failure(run: () => unknown): ConnectError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** Source: RFC 9110, 13.1.1; comparison is strong. */
test.each([
  [null, undefined],
  ["*", undefined],
  ['"abc"', "abc"],
  ['"a%20b"', "a b"],
  ['W/"old", "abc"', "abc"],
])("If-Match: %s requires the etag %s", (header, expected) => {
  expect(etagFromIfMatch(header, false)).toBe(expected);
});

test.each([
  ['"abc"', '"abc"'],
  ['"a%20b"', '"a%20b"'],
  ['""', '""'],
])("If-Match: %s requires the etag as it is when fields hold whole tags", (header, expected) => {
  expect(etagFromIfMatch(header, true)).toBe(expected);
});

test.each([
  ['W/"abc"', Code.Aborted, "never match"],
  ['""', Code.Aborted, "never match"],
  ['W/"a", ""', Code.Aborted, "never match"],
  ['"a", "b"', Code.InvalidArgument, "if-match with several"],
  ["abc", Code.InvalidArgument, "invalid if-match"],
])("If-Match: %s fails", (header, code, message) => {
  const error = failure(() => etagFromIfMatch(header, false));
  expect(error.code).toBe(code);
  expect(error.rawMessage).toContain(message);
});

describe("If-Match becomes", () => {
  test("the etag of the request", () => {
    const message = create(KindsSchema);
    compileIfMatch(bindingOf({ httpMethod: "DELETE" }), "a_string")(message, '"abc"');
    expect(message.aString).toBe("abc");
  });

  test.each(["PUT", "PATCH"])("the etag of the body of %s, whether the client has sent one or not", (httpMethod) => {
    const write = compileIfMatch(bindingOf({ httpMethod, body: "itself" }, WITHOUT_OWN), "a_string");
    for (const message of [create(KindsSchema), create(KindsSchema, { itself: { anInt32: 1 } })]) {
      write(message, '"abc"');
      expect(message.itself?.aString).toBe("abc");
    }
  });

  test("nothing without the header, and for *", () => {
    const write = compileIfMatch(bindingOf({ httpMethod: "PATCH", body: "itself" }, WITHOUT_OWN), "a_string");
    for (const header of [null, "*"]) {
      const message = create(KindsSchema);
      write(message, header);
      expect(message).toEqual(create(KindsSchema));
    }
  });
});

describe("If-Match is refused", () => {
  test("when the client sent another etag, by the field's name; the same one is fine", () => {
    const write = compileIfMatch(bindingOf({ httpMethod: "PATCH", body: "itself" }, WITHOUT_OWN), "a_string");
    const message = create(KindsSchema, { itself: { aString: "other" } });
    const error = failure(() => write(message, '"abc"'));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe("itself.a_string");
    expect(error.message).not.toContain("abc");
    write(message, '"other"');
    expect(message.itself?.aString).toBe("other");
  });

  test.each([
    [{ httpMethod: "POST", body: "itself" }],
    [{ httpMethod: "PATCH", body: "*" }],
    [{ httpMethod: "PATCH", body: "kinds" }],
    [{ httpMethod: "PATCH", body: "aTime" }],
    [{ httpMethod: "GET" }],
  ])("by %j, which has no field for it", (shape) => {
    const write = compileIfMatch(bindingOf(shape, WITHOUT_OWN), "a_string");
    for (const header of ['"abc"', "*"]) {
      const error = failure(() => write(create(KindsSchema), header));
      expect([error.code, error.rawMessage]).toEqual([
        Code.InvalidArgument,
        "if-match is not supported by this method",
      ]);
    }
    write(create(KindsSchema), null);
  });

  test("when ETags are turned off", () => {
    const write = compileIfMatch(bindingOf({ httpMethod: "DELETE" }), undefined);
    expect(() => write(create(KindsSchema), '"a"')).toThrow("if-match");
  });

  test("for * with allow_missing", () => {
    const message = { ...create(KindsSchema), allowMissing: true } as Message;
    const error = failure(() => compileIfMatch(bindingOf({ httpMethod: "PATCH" }), "a_string")(message, "*"));
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe("allow_missing");
  });
});

test("If-None-Match is refused where it cannot be honoured", () => {
  refuseIfNoneMatch(null);
  expect(failure(() => refuseIfNoneMatch("*")).code).toBe(Code.InvalidArgument);
});
