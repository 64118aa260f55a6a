import { create, fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { Colour, KindsSchema, RareSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
import { UpdateBookRequestSchema } from "../../test/library.ts";
import { readerOf, refusalOf, violationsOf } from "../../test/request-of.ts";

type Kinds = MessageInitShape<typeof KindsSchema>;

const readVariable = (path: string, value: string) => readerOf(KindsSchema, { variables: [path] })({ values: [value] });

test.each<[string, string, Kinds]>([
  ["a_string", "a/b c%2F", { aString: "a/b c%2F" }],
  ["a_string", "", {}],
  ["an_int32", "-2147483648", { anInt32: -(2 ** 31) }],
  ["an_int32", "007", { anInt32: 7 }],
  ["an_int32", "-0", { anInt32: 0 }],
  ["a_sint32", "2147483647", { aSint32: 2 ** 31 - 1 }],
  ["a_sfixed32", "1", { aSfixed32: 1 }],
  ["a_uint32", "4294967295", { aUint32: 2 ** 32 - 1 }],
  ["a_fixed32", "1", { aFixed32: 1 }],
  ["an_int64", "-9223372036854775808", { anInt64: -(2n ** 63n) }],
  ["a_sint64", "9223372036854775807", { aSint64: 2n ** 63n - 1n }],
  ["a_sfixed64", "1", { aSfixed64: 1n }],
  ["a_uint64", "18446744073709551615", { aUint64: 2n ** 64n - 1n }],
  ["a_fixed64", "1", { aFixed64: 1n }],
  ["a_text_int64", "0123", { aTextInt64: "123" }],
  ["a_double", "1.5e300", { aDouble: 1.5e300 }],
  ["a_double", "NaN", { aDouble: Number.NaN }],
  ["a_double", "-Infinity", { aDouble: Number.NEGATIVE_INFINITY }],
  ["a_float", "-0.5", { aFloat: -0.5 }],
  ["a_float", "Infinity", { aFloat: Number.POSITIVE_INFINITY }],
  ["a_bool", "true", { aBool: true }],
  ["a_bool", "false", { aBool: false }],
  ["a_colour", "COLOUR_RED", { aColour: Colour.RED }],
  ["a_colour", "-1", { aColour: Colour.NEGATIVE }],
  ["a_colour", "17", { aColour: 17 as Colour }],
  ["some_bytes", "+/8=", { someBytes: Uint8Array.of(0xfb, 0xff) }],
  ["some_bytes", "-_8", { someBytes: Uint8Array.of(0xfb, 0xff) }],
  ["maybe_string", "", { maybeString: "" }],
  ["maybe_int32", "0", { maybeInt32: 0 }],
  ["one_int64", "0", { one: { case: "oneInt64", value: 0n } }],
  ["one_kinds.itself.a_string", "x", { one: { case: "oneKinds", value: { itself: { aString: "x" } } } }],
  ["a_time", "2026-01-02T03:04:05.5Z", { aTime: { seconds: 1_767_323_045n, nanos: 500_000_000 } }],
  ["a_time.seconds", "5", { aTime: { seconds: 5n } }],
  ["a_duration", "-1.5s", { aDuration: { seconds: -1n, nanos: -500_000_000 } }],
  ["a_mask", "aB,c_d.eF", { aMask: { paths: ["a_b", "c_d.e_f"] } }],
  ["itself.an_int32", "1", { itself: { anInt32: 1 } }],
  ["renamed", "x", { renamed: "x" }],
  ["rare.a_string_value", "", { rare: { aStringValue: "" } }],
  ["rare.an_int64_value", "1", { rare: { anInt64Value: 1n } }],
  ["rare.an_int64_value.value", "1", { rare: { anInt64Value: 1n } }],
])("the variable %s takes %j", (path, value, expected) => {
  expect(readVariable(path, value)).toEqual(create(KindsSchema, expected));
});

test.each([
  ["an_int32", ["", " 1", "1 ", "+1", "1.0", "1e3", "0x10", "2147483648", "x", "1n", "9".repeat(10_000)]],
  ["a_uint32", ["-1", "4294967296"]],
  ["an_int64", ["", "9223372036854775808", "1.5"]],
  ["a_uint64", ["-1", "18446744073709551616"]],
  ["a_double", ["", "nan", "+1", ".5", "5.", "1e999", "0x1", "inf", " 1"]],
  ["a_float", ["1e39"]],
  ["a_bool", ["", "1", "TRUE", "t"]],
  ["a_colour", ["", "RED", "colour_red", "2147483648", "1.0"]],
  ["some_bytes", ["a", "ab=", "a b", "ab==c", "*"]],
  ["a_time", ["", "now", "2026-13-01T00:00:00Z", "2026-01-01", "2023-02-31T00:00:00Z", "2023-02-29T23:00:00-02:00"]],
  ["a_duration", ["", "1", "1sx", "1.0000000001s", "999999999999s"]],
  ["a_mask", ["a,,b", ","]],
  ["itself.an_int32", ["x"]],
])("the variable %s refuses what it cannot be, by name", (path, values) => {
  for (const value of values) {
    const [violation, ...others] = violationsOf(() => readVariable(path, value));
    expect(others).toEqual([]);
    expect(violation, value).toMatch(new RegExp(`^${path}: must be `));
  }
});

test("what a client sent is not quoted", () => {
  for (const path of ["an_int32", "a_bool", "some_bytes", "a_time", "a_colour"]) {
    expect(refusalOf(() => readVariable(path, "hunter2!")).message).not.toContain("hunter2");
  }
});

test.each(["itself", "int32s", "by_string", "rare.a_struct", "kinds"])("%s cannot be a variable", (path) => {
  expect(() => readerOf(KindsSchema, { variables: [path] })).toThrow(TypeError);
});

test("two members of one oneof cannot come from path and body", () => {
  const read = readerOf(KindsSchema, { variables: ["one_int64"], body: "*" });
  expect(violationsOf(() => read({ values: ["1"], body: `{"oneString":""}` }))).toEqual([
    "one_string: cannot be set together with one_int64, which is in the path",
  ]);
});

describe("a field that path and body set", () => {
  test.each([
    ["an_int64", "7", `{"anInt64":"7"}`],
    ["a_string", "x", `{"aString":"x"}`],
    ["some_bytes", "AA==", `{"someBytes":"AA=="}`],
    ["a_double", "NaN", `{"aDouble":"NaN"}`],
    ["a_time", "2026-01-01T00:00:00Z", `{"aTime":"2026-01-01T01:00:00+01:00"}`],
    ["one_time", "2026-01-01T00:00:00Z", `{"oneTime":"2026-01-01T00:00:00Z"}`],
    ["maybe_int32", "1", `{"maybeInt32":1}`],
    ["itself.a_string", "x", `{"itself":{"aString":"x"}}`],
  ])("may be the same in both (%s)", (path, value, body) => {
    const read = readerOf(KindsSchema, { variables: [path], body: "*" });
    expect(read({ values: [value], body })).toEqual(fromJson(KindsSchema, JSON.parse(body)));
  });

  test.each([
    ["an_int64", "7", `{"anInt64":"8"}`],
    ["a_string", "x", `{"aString":"0"}`],
    ["a_double", "1", `{"aDouble":"NaN"}`],
    ["some_bytes", "AA==", `{"someBytes":"AQ=="}`],
    ["maybe_int32", "1", `{"maybeInt32":0}`],
    ["a_time", "2026-01-01T00:00:00Z", `{"aTime":"2026-01-01T00:00:01Z"}`],
    ["itself.a_string", "x", `{"itself":{"aString":"y"}}`],
  ])("is refused when it differs (%s)", (path, value, body) => {
    const read = readerOf(KindsSchema, { variables: [path], body: "*" });
    expect(violationsOf(() => read({ values: [value], body }))).toEqual([
      `${path}: has another value in the body than in the path`,
    ]);
  });

  test("is the path's when the body has null, or zero and it has no presence", () => {
    const read = readerOf(KindsSchema, { variables: ["a_text_int64", "some_bytes", "maybe_string"], body: "*" });
    const body = `{"aTextInt64":"0","someBytes":"","maybeString":null}`;
    expect(read({ values: ["1", "AA==", "x"], body })).toEqual(
      create(KindsSchema, { aTextInt64: "1", someBytes: Uint8Array.of(0), maybeString: "x" }),
    );
  });

  test("of a body that is a field may be the same, and not another", () => {
    const read = readerOf(UpdateBookRequestSchema, { variables: ["book.name"], body: "book" });
    const book = (name: string) => fromJson(UpdateBookRequestSchema, { book: { name } });
    expect(read({ values: ["a"], body: `{"name":"a"}` })).toEqual(book("a"));
    expect(read({ values: ["a"], body: "{}" })).toEqual(book("a"));
    expect(read({ values: ["a"] })).toEqual(book("a"));
    expect(violationsOf(() => read({ values: ["a"], body: `{"name":"b"}` }))).toEqual([
      "book.name: has another value in the body than in the path",
    ]);
  });
});

test("a variable in a message creates the message", () => {
  expect(readerOf(RareSchema, { variables: ["kinds.a_string"] })({ values: ["x"] })).toEqual(
    create(RareSchema, { kinds: { aString: "x" } }),
  );
});
