import { create, createRegistry, fromJsonString, type MessageInitShape } from "@bufbuild/protobuf";
import { StructSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { Colour, KindsSchema, RareSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
import { UploadRequestSchema } from "../../test/library.ts";
import { bindingOf, readerOf, refusalOf, violationsOf } from "../../test/request-of.ts";
import { HttpBodySchema } from "../gen/google/api/httpbody_pb.ts";
import { isJsonContentType, takesAnyContentType } from "./content-type.ts";

const whole = readerOf(KindsSchema, { body: "*" });

describe("without a body in the rule", () => {
  test("a body is refused", () => {
    const read = readerOf(KindsSchema, {});
    expect(refusalOf(() => read({ body: "{}" })).message).toContain("takes no body");
    expect(read({ body: "", contentType: "application/json" })).toEqual(create(KindsSchema));
  });
});

describe("a body that is the whole message", () => {
  test.each([
    "{}",
    ' {"aString": "\\u20ac", "anInt64": "1", "itself": {"int32s": [1]}, "byString": {"__proto__": "x"}} ',
  ])("is read as by fromJsonString: %s", (body) => {
    expect(whole({ body })).toEqual(fromJsonString(KindsSchema, body));
  });

  test("that is empty sets nothing", () => {
    expect(whole({})).toEqual(create(KindsSchema));
  });

  test("may be one with a JSON form of its own", () => {
    expect(readerOf(StructSchema, { body: "*" })({ body: `{"a":[1]}` })).toEqual(
      fromJsonString(StructSchema, `{"a":[1]}`),
    );
    refusalOf(() => readerOf(StructSchema, { body: "*" })({ body: "1" }));
  });

  test("may hold an Any of a type in the registry", () => {
    const registry = createRegistry(TimestampSchema);
    const body = `{"anAny":{"@type":"type.googleapis.com/google.protobuf.Timestamp","value":"2026-01-01T00:00:00Z"}}`;
    const read = readerOf(RareSchema, { body: "*" }, { registry });
    expect(read({ body })).toEqual(fromJsonString(RareSchema, body, { registry }));
    expect(violationsOf(() => readerOf(RareSchema, { body: "*" })({ body }))).toEqual([
      "an_any: must be the JSON form of google.protobuf.Any",
    ]);
  });
});

test.each<[string, string, MessageInitShape<typeof KindsSchema>]>([
  ["a_string", `"x"`, { aString: "x" }],
  ["a_string", " null\n", {}],
  ["an_int64", `"1"`, { anInt64: 1n }],
  ["a_colour", `"COLOUR_RED"`, { aColour: Colour.RED }],
  ["maybe_int32", "0", { maybeInt32: 0 }],
  ["maybe_int32", "null", {}],
  ["maybe_int32", "", {}],
  ["itself", `{"aString":"x"}`, { itself: { aString: "x" } }],
  ["itself", "{}", { itself: {} }],
  ["itself", "null", {}],
  ["itself", "", {}],
  ["a_time", `"1970-01-01T00:00:01Z"`, { aTime: { seconds: 1n } }],
  ["int32s", "[1,2]", { int32s: [1, 2] }],
  ["kinds", `[{"aBool":true},{}]`, { kinds: [{ aBool: true }, {}] }],
  ["by_int32", `{"1":{"aBool":true}}`, { byInt32: { 1: { aBool: true } } }],
  ["one_kinds", "{}", { one: { case: "oneKinds", value: {} } }],
  ["renamed", `"x"`, { renamed: "x" }],
])("a body that is the field %s is its JSON: %s", (field, body, expected) => {
  expect(readerOf(KindsSchema, { body: field })({ body })).toEqual(create(KindsSchema, expected));
});

describe("a body is refused", () => {
  test.each([
    ["not UTF-8", Uint8Array.of(0x22, 0xff, 0x22), "not valid UTF-8"],
    ["not JSON", "{", "not valid JSON"],
    ["only spaces", " ", "not valid JSON"],
    ["two values", `"x","aBool":true`, "not valid JSON"],
    ["with a byte order mark", "\ufeff{}", "not valid JSON"],
  ])("when it is %s", (_what, body, message) => {
    expect(refusalOf(() => whole({ body })).message).toContain(message);
    expect(refusalOf(() => readerOf(KindsSchema, { body: "a_string" })({ body })).message).toContain(message);
  });

  test.each([
    [`{"aString":"a","aString":"a"}`, "a_string"],
    [`{"aString":"a","a\\u0053tring":"b"}`, "a_string"],
    [`{"itself":{"aBool":true , "aBool" : true}}`, "itself.a_bool"],
    [`{"kinds":[{},{"int32s":[1,2]},{"aBool":true,"aBool":true}]}`, "kinds[2].a_bool"],
    [`{"byInt32":{"1":{},"2":{"aBool":true,"aBool":true}}}`, "by_int32[2].a_bool"],
    [`{"byString":{"\\"":"1","\\"":"2"}}`, "by_string[%22]"],
    [`{"a b":1,"itself":{"a b":[],"nope":{"aBool":[{"x":",","x":1}]}}}`, "itself.nope.aBool[0].x"],
  ])("when a name is twice in an object: %s", (body, name) => {
    expect(violationsOf(() => whole({ body }))).toEqual([`${name}: is set twice`]);
  });

  test("when it is nested too deep, before it is parsed", () => {
    const read = readerOf(KindsSchema, { body: "*" }, { maxDepth: 3, ignoreUnknownFields: true });
    expect(read({ body: `{"x":[[1,"[[[[\\"[["]]}` })).toEqual(create(KindsSchema));
    expect(refusalOf(() => read({ body: `{"x":[[[` })).message).toBe(
      "[invalid_argument] the body is nested more than 3 deep",
    );
    const field = readerOf(KindsSchema, { body: "itself" }, { maxDepth: 3 });
    expect(field({ body: `{"itself":{"itself":{}}}` })).toEqual(
      create(KindsSchema, { itself: { itself: { itself: {} } } }),
    );
    refusalOf(() => field({ body: `{"itself":{"itself":{"itself":{}}}}` }));
  });

  test.each([
    [
      `{"nope":1,"itself":{"nope":1,"a b":1}}`,
      ["nope", "itself.nope", "itself.a%20b"].map((path) => `${path}: unknown field`),
    ],
    [`{"kinds":[{},{"anInt32":"x"}]}`, ["kinds[1].an_int32: must be an integer from -2147483648 to 2147483647"]],
    [`{"byInt32":{"1":{"nope":1}}}`, ["by_int32[1].nope: unknown field"]],
    [`{"byInt32":{"x":{}}}`, ["by_int32: must be a JSON object with keys and values of the field's types"]],
    [`{"byString":{"x":1}}`, ["by_string: must be a JSON object with keys and values of the field's types"]],
    [
      `{"int32s":[1,"x"],"aBool":1}`,
      ["int32s: must be a JSON array of the field's type", "a_bool: must be true or false"],
    ],
    [`{"kinds":{}}`, ["kinds: must be a JSON array of the field's type"]],
    [`{"kinds":[null]}`, ["kinds[0]: must be a JSON object"]],
    [`{"itself":[]}`, ["itself: must be a JSON object"]],
    [
      `{"aTime":"now","aColour":"x"}`,
      [
        "a_time: must be a time as in RFC 3339, 2006-01-02T15:04:05Z",
        "a_colour: must be the name or the number of a value of kinds.v1.Colour",
      ],
    ],
    [`{"aString":"a","a_string":"b"}`, ["a_string: is set twice, by each of its names"]],
    [`{"oneString":"a","one_int64":"1"}`, ["one: can have only one of one_string and one_int64"]],
    ["[]", ["kinds.v1.Kinds: must be a JSON object"]],
    ["null", ["kinds.v1.Kinds: must be a JSON object"]],
  ])("with all that is wrong with it: %s", (body, expected) => {
    expect(() => fromJsonString(KindsSchema, body)).toThrow();
    expect(violationsOf(() => whole({ body }))).toEqual(expected);
  });

  test("by the name of its field", () => {
    const read = readerOf(KindsSchema, { body: "itself" });
    expect(violationsOf(() => read({ body: `{"nope":1}` }))).toEqual(["itself.nope: unknown field"]);
    expect(violationsOf(() => readerOf(KindsSchema, { body: "an_int32" })({ body: `"x"` }))).toEqual([
      "an_int32: must be an integer from -2147483648 to 2147483647",
    ]);
  });

  test("unless unknown fields are ignored", () => {
    const read = readerOf(KindsSchema, { body: "*" }, { ignoreUnknownFields: true });
    expect(read({ body: `{"nope":{"x":1},"aColour":"NOPE","aBool":true}` })).toEqual(
      create(KindsSchema, { aBool: true }),
    );
    expect(violationsOf(() => read({ body: `{"nope":1,"anInt32":"x"}` }))).toHaveLength(1);
  });
});

describe("a google.api.HttpBody", () => {
  const data = Uint8Array.of(0xff, 0x00);

  test("is the body as it is", () => {
    const read = readerOf(HttpBodySchema, { body: "*" });
    expect(read({ body: data, contentType: "image/png" })).toEqual(
      create(HttpBodySchema, { contentType: "image/png", data }),
    );
    expect(read({})).toEqual(create(HttpBodySchema));
  });

  test("in a field is the body as it is, beside parameters", () => {
    const read = readerOf(UploadRequestSchema, { body: "file" });
    expect(read({ body: data, query: "name=x" })).toEqual(
      create(UploadRequestSchema, { name: "x", file: create(HttpBodySchema, { data }) } as never),
    );
    expect(read({ query: "name=x" })).toEqual(create(UploadRequestSchema, { name: "x" } as never));
  });

  test("takes any content type, only where it is the body", () => {
    expect(takesAnyContentType(bindingOf(HttpBodySchema, { body: "*" }))).toBe(true);
    expect(takesAnyContentType(bindingOf(UploadRequestSchema, { body: "file" }))).toBe(true);
    expect(takesAnyContentType(bindingOf(UploadRequestSchema, { body: "*" }))).toBe(false);
    expect(takesAnyContentType(bindingOf(HttpBodySchema, {}))).toBe(false);
  });
});

test.each<[string | null, boolean]>([
  [null, true],
  ["application/json", true],
  ["Application/JSON ; Charset=UTF-8", true],
  ['application/json;charset="utf-8"; profile=x', true],
  ["application/json;", true],
  ["application/json; charset=latin1", false],
  ["application/json; charset", false],
  ["application/jsonx", false],
  ["application/problem+json", false],
  ["text/plain", false],
  ["", false],
])("the content type %s is JSON: %s", (header, expected) => {
  expect(isJsonContentType(header)).toBe(expected);
});
