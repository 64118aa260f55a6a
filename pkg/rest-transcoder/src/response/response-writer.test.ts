import {
  create,
  createRegistry,
  type DescField,
  type DescMessage,
  type Message,
  toJsonString,
} from "@bufbuild/protobuf";
import { anyPack, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryMessage } from "../../../rpc-server/test/arbitrary-message.ts";
import { Colour, type Kinds, KindsSchema, RareSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
import { HttpBodySchema } from "../gen/google/api/httpbody_pb.ts";
import type { Binding } from "../rules/binding.ts";
import { compileResponseWriter, type ResponseOptions } from "./response-writer.ts";

const LIMIT = { writeMaxBytes: 1_000_000 };

function bindingOf(output: DescMessage, responseBody?: DescField): Binding {
  return {
    rpc: { input: output, output } as Binding["rpc"],
    httpMethod: "GET",
    template: { segments: [], verb: undefined, variables: [] },
    variables: [],
    body: undefined,
    responseBody,
  };
}

/** Kinds with a field that is an HttpBody in place of `itself`. */
function httpBodyField(name: "itself" | "oneKinds"): DescField {
  return { ...KindsSchema.field[name], message: HttpBodySchema } as DescField;
}

function write(message: Message, responseBody?: string | DescField, options: Partial<ResponseOptions> = {}) {
  const desc = {
    [KindsSchema.typeName]: KindsSchema,
    [RareSchema.typeName]: RareSchema,
    [HttpBodySchema.typeName]: HttpBodySchema,
  }[message.$typeName] as DescMessage;
  const field = typeof responseBody === "string" ? desc.field[responseBody] : responseBody;
  const { body, ...rest } = compileResponseWriter(bindingOf(desc, field), { ...LIMIT, ...options })(message);
  return { ...rest, text: Buffer.from(body).toString("latin1") };
}

const kinds = (init: Partial<Kinds>) => create(KindsSchema, init as never);

function failure(run: () => unknown): ConnectError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("JSON", () => {
  test("is the whole answer as protobuf-es writes it, defaults included", () => {
    const writer = compileResponseWriter(bindingOf(KindsSchema), LIMIT);
    const check = (message: Message) => {
      const { contentType, body } = writer(message);
      expect(contentType).toBe("application/json");
      const expected = toJsonString(KindsSchema as DescMessage, message, { alwaysEmitImplicit: true });
      expect(Buffer.from(body).toString("utf8")).toBe(expected);
    };
    fc.assert(fc.property(arbitraryMessage(KindsSchema), check), { numRuns: 100, seed: 20261121 });
  });

  test("is without defaults on demand", () => {
    expect(write(create(KindsSchema), undefined, { alwaysEmitImplicit: false }).text).toBe("{}");
  });

  test("is the response_body's alone", () => {
    const message = kinds({ strings: ["a"], maybeInt32: 5, anInt64: 7n });
    expect(write(message, "strings").text).toBe('["a"]');
    expect(write(message, "maybeInt32").text).toBe("5");
    expect(write(message, "anInt64").text).toBe('"7"');
    expect(write(message, "itself").text).toBe("{}");
  });

  test("follows the options", () => {
    const message = kinds({ anInt64: 2n ** 60n, aColour: Colour.RED });
    const options = { alwaysEmitImplicit: false, int64AsNumbers: true, enumAsInteger: true, useProtoFieldName: true };
    expect(write(message, undefined, options).text).toBe('{"an_int64":1152921504606846976,"a_colour":1}');
    const rare = create(RareSchema, { anAny: anyPack(TimestampSchema, create(TimestampSchema)) });
    expect(write(rare, "anAny", { registry: createRegistry(TimestampSchema) }).text).toBe(
      '{"value":"1970-01-01T00:00:00Z","@type":"type.googleapis.com/google.protobuf.Timestamp"}',
    );
  });

  test("that cannot be written is INTERNAL, and says no more to the client", () => {
    const error = failure(() => write(kinds({ aString: 1 as never })));
    expect([error.code, error.rawMessage]).toEqual([Code.Internal, "the answer cannot be encoded"]);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test("above the limit is RESOURCE_EXHAUSTED, counted in bytes", () => {
    const message = kinds({ aString: "üü" });
    expect(write(message, "aString", { writeMaxBytes: 6 }).text).toHaveLength(6);
    const error = failure(() => write(message, "aString", { writeMaxBytes: 5 }));
    expect([error.code, error.rawMessage]).toEqual([
      Code.ResourceExhausted,
      "the answer is 6 bytes long; the limit is 5",
    ]);
  });
});

describe("google.api.HttpBody", () => {
  const data = Uint8Array.of(0, 255, 10);
  const text = "\0\xff\n";

  test("is sent as it is: as the whole answer", () => {
    expect(write(create(HttpBodySchema, { contentType: "text/csv; charset=utf-8", data }))).toEqual({
      contentType: "text/csv; charset=utf-8",
      text,
    });
  });

  test("is sent as it is: as the response_body, in a oneof too", () => {
    const body = create(HttpBodySchema, { contentType: "image/png", data });
    const single = Object.assign(create(KindsSchema), { itself: body });
    expect(write(single, httpBodyField("itself"))).toEqual({ contentType: "image/png", text });
    const oneof = Object.assign(create(KindsSchema), { one: { case: "oneKinds", value: body } });
    expect(write(oneof, httpBodyField("oneKinds"))).toEqual({ contentType: "image/png", text });
  });

  test("that is not set is empty", () => {
    for (const name of ["itself", "oneKinds"] as const) {
      expect(write(create(KindsSchema), httpBodyField(name))).toEqual({
        contentType: "application/octet-stream",
        text: "",
      });
    }
  });

  test("a field of it as response_body is plain JSON", () => {
    expect(write(create(HttpBodySchema, { data }), "data").text).toBe('"AP8K"');
  });

  test.each([
    "",
    "text",
    "text/",
    "/csv",
    "text/csv\r\nset-cookie: a=b",
    "text/csv;\nx",
    "a/b, c/d",
    "text/ü",
    " a/b",
    "a/b;ü",
  ])("with the content type %j is told as application/octet-stream", (contentType) => {
    expect(write(create(HttpBodySchema, { contentType, data })).contentType).toBe("application/octet-stream");
  });

  test("keeps to the limit, and without bytes is INTERNAL", () => {
    const body = create(HttpBodySchema, { data });
    expect(failure(() => write(body, undefined, { writeMaxBytes: 2 })).code).toBe(Code.ResourceExhausted);
    body.data = "text" as never;
    expect(failure(() => write(body)).code).toBe(Code.Internal);
  });
});

describe("ETag", () => {
  const options = { etagField: "a_string" };

  test("is the etag of the message that is the body", () => {
    const message = kinds({ aString: "outer", itself: kinds({ aString: "in ner" }) });
    expect(write(message, undefined, options).etag).toBe('"outer"');
    expect(write(message, "itself", options).etag).toBe('"in%20ner"');
  });

  test("is not sent when there is none", () => {
    expect(write(create(KindsSchema), undefined, options)).not.toHaveProperty("etag");
    expect(write(create(KindsSchema), "itself", options)).not.toHaveProperty("etag");
    const message = kinds({ aString: "x", strings: ["x"], kinds: [kinds({ aString: "x" })] });
    for (const field of ["strings", "kinds", "aString"])
      expect(write(message, field, options)).not.toHaveProperty("etag");
    expect(write(message)).not.toHaveProperty("etag");
    expect(write(message, undefined, { etagField: undefined })).not.toHaveProperty("etag");
  });
});
