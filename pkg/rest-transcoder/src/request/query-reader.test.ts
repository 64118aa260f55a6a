import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { Colour, KindsSchema, RareSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
import { readerOf, refusalOf, violationsOf } from "../../test/request-of.ts";

type Kinds = MessageInitShape<typeof KindsSchema>;

const read = readerOf(KindsSchema, {});

test.each<[string, Kinds]>([
  ["", {}],
  ["&&", {}],
  ["a_string=x", { aString: "x" }],
  ["aString=x&", { aString: "x" }],
  ["a%5Fstring=x", { aString: "x" }],
  ["a_string", {}],
  ["maybe_string", { maybeString: "" }],
  ["maybe_string=", { maybeString: "" }],
  ["a_string=a=b", { aString: "a=b" }],
  ["a_string=a+b%2Bc%20d", { aString: "a b+c d" }],
  ["a_string=%2541", { aString: "%41" }],
  ["a_string=%E2%82%AC", { aString: "€" }],
  ["a_string=a;b", { aString: "a;b" }],
  ["int32s=1&int32s=2&int32s=1", { int32s: [1, 2, 1] }],
  ["strings=&strings=a,b", { strings: ["", "a,b"] }],
  ["colours=COLOUR_RED&colours=-1", { colours: [Colour.RED, Colour.NEGATIVE] }],
  ["sint64s=-9223372036854775808", { sint64s: [-(2n ** 63n)] }],
  ["itself.aString=x&itself.itself.an_int32=1", { itself: { aString: "x", itself: { anInt32: 1 } } }],
  ["itself.int32s=1&itself.int32s=2", { itself: { int32s: [1, 2] } }],
  ["maybe_bytes=", { maybeBytes: new Uint8Array() }],
  ["maybe_int32=0", { maybeInt32: 0 }],
  ["a_mask=a_b,cD.e", { aMask: { paths: ["a_b", "c_d.e"] } }],
  ["a_mask=", { aMask: { paths: [] } }],
  ["a_time=2026-01-02T03:04:05%2B01:00", { aTime: { seconds: 1_767_319_445n } }],
  ["aDuration=1s", { aDuration: { seconds: 1n } }],
  ["rare.a_string_value=x&rare.anInt64Value=7", { rare: { aStringValue: "x", anInt64Value: 7n } }],
  ["rare.a_null=NULL_VALUE", { rare: {} }],
  ["one_kinds.a_string=x&one_kinds.an_int32=1", { one: { case: "oneKinds", value: { aString: "x", anInt32: 1 } } }],
  ["one_string=", { one: { case: "oneString", value: "" } }],
  // Its name in JSON.
  ["__proto__=x", { renamed: "x" }],
])("the query %j sets its fields", (query, expected) => {
  expect(read({ query })).toEqual(create(KindsSchema, expected));
});

test.each([
  [
    "nickname=x&a_string=x&itself.nope=&b.c=1",
    ["nickname", "itself.nope", "b.c"].map((name) => `${name}: unknown parameter`),
  ],
  ["=x&.=y&itself.=z&.itself=z", ["", ".", "itself.", ".itself"].map((name) => `${name}: unknown parameter`)],
  [
    "constructor=x&toString=x&$typeName=x&itself.__proto__.x=1&hasOwnProperty=",
    [
      "constructor: unknown parameter",
      "toString: unknown parameter",
      "$typeName: unknown parameter",
      "itself.__proto__.x: unknown parameter",
      "hasOwnProperty: unknown parameter",
    ],
  ],
  ["a_string.x=1", ["a_string.x: unknown parameter"]],
  ["a_time.seconds=1", ["a_time.seconds: unknown parameter"]],
  ["a%0Ab=1", ["a%0ab: unknown parameter"]],
  [`${"x".repeat(1000)}=1`, [`${"x".repeat(100)}...: unknown parameter`]],
  ["a_string=x&aString=x", ["a_string: can be set only once"]],
  ["itself.aString=x&itself.a_string=y&itself.a_string=z", Array(2).fill("itself.a_string: can be set only once")],
  ["one_string=x&oneInt64=1", ["one_int64: cannot be set together with one_string"]],
  ["one_string=x&one_kinds.itself.a_string=1", ["one_kinds.itself.a_string: cannot be set together with one_string"]],
  [
    "itself.one_string=x&itself.one_kinds.a_string=1",
    ["itself.one_kinds.a_string: cannot be set together with itself.one_string"],
  ],
  ["an_int32=", ["an_int32: must be an integer from -2147483648 to 2147483647, and is empty"]],
  ["a_bool", ["a_bool: must be true or false, and is empty"]],
  [
    "an_int32=x&a_bool=1",
    ["an_int32: must be an integer from -2147483648 to 2147483647", "a_bool: must be true or false"],
  ],
  ["itself=x", ["itself: is a message, whose fields are parameters instead"]],
  ["an_empty=", ["an_empty: is a message, whose fields are parameters instead"]],
  ["kinds=x", ["kinds: is a list of messages, which parameters cannot set"]],
  ["kinds.a_string=x", ["kinds: is a list of messages, which parameters cannot set"]],
  ["times=2026-01-01T00:00:00Z", ["times: is a list of messages, which parameters cannot set"]],
  ["by_string.x=y", ["by_string: is a map, which parameters cannot set"]],
  ["by_string=y", ["by_string: is a map, which parameters cannot set"]],
  ["rare.a_struct.x=y", ["rare.a_struct: is a google.protobuf.Struct, which parameters cannot set"]],
  ["rare.a_value=y", ["rare.a_value: is a google.protobuf.Value, which parameters cannot set"]],
  ["rare.an_any=y", ["rare.an_any: is a google.protobuf.Any, which parameters cannot set"]],
  ["a_string=%", ["a_string: is not percent-encoded UTF-8"]],
  ["a_string=%zz", ["a_string: is not percent-encoded UTF-8"]],
  ["a_string=%ff", ["a_string: is not percent-encoded UTF-8"]],
  ["a_string=%C0%AF", ["a_string: is not percent-encoded UTF-8"]],
  ["a_string=%ED%A0%80", ["a_string: is not percent-encoded UTF-8"]],
  ["a_string=\u00e9", ["a_string: is not percent-encoded UTF-8"]],
  ["a_string%=x", ["a_string%25: is not percent-encoded UTF-8"]],
])("the query %j is refused with all that is wrong with it", (query, expected) => {
  expect(violationsOf(() => read({ query }))).toEqual(expected);
});

test("names of objects set nothing but fields", () => {
  refusalOf(() => read({ query: "__proto__.polluted=1&constructor.prototype.polluted=1&by_string.__proto__=1" }));
  expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
});

describe("parameters that are not known", () => {
  const lenient = readerOf(KindsSchema, { variables: ["itself.a_string"] }, { ignoreUnknownParameters: true });

  test("are let through by the option", () => {
    expect(lenient({ values: ["x"], query: "nope=1&a_bool=true&itself.nope=1&nope.nope" })).toEqual(
      create(KindsSchema, { aBool: true, itself: { aString: "x" } }),
    );
  });

  test("are not those that name a field that they cannot set", () => {
    for (const query of ["itself.a_string=x", "itself=1", "kinds=1", "a_string=%"]) {
      expect(violationsOf(() => lenient({ values: ["x"], query }))).toHaveLength(1);
    }
  });
});

describe("nothing overrides", () => {
  test.each(["itself.aString=x", "itself.a_string=x", "a_time=2026-01-01T00:00:00Z", "a_time.seconds=2"])(
    "a path variable: %s is refused",
    (query) => {
      const variables = ["itself.a_string", "a_time.seconds"];
      const withPath = readerOf(KindsSchema, { variables });
      const [violation] = violationsOf(() => withPath({ values: ["x", "1"], query }));
      expect(violation).toMatch(/: (is set by the path, not by a|unknown) parameter$/);
      expect(withPath({ values: ["x", "1"], query: "itself.an_int32=1" })).toEqual(
        create(KindsSchema, { itself: { aString: "x", anInt32: 1 }, aTime: { seconds: 1n } }),
      );
    },
  );

  test("the body's field, nor what is in it, whether or not there is a body", () => {
    const withBody = readerOf(KindsSchema, { body: "itself" });
    for (const body of ["", "{}"]) {
      expect(violationsOf(() => withBody({ body, query: "itself.aString=x&itself=1" }))).toEqual([
        "itself.a_string: is set by the body, not by a parameter",
        "itself: is set by the body, not by a parameter",
      ]);
    }
    expect(withBody({ query: "a_string=x" })).toEqual(create(KindsSchema, { aString: "x" }));
  });

  test("a body that is the whole message: there are no parameters", () => {
    const whole = readerOf(KindsSchema, { body: "*" });
    expect(violationsOf(() => whole({ query: "a_string=x&nope=1" }))).toEqual([
      "a_string: is set by the body, not by a parameter",
      "nope: unknown parameter",
    ]);
  });

  test("the oneof that the body or the path has set", () => {
    const withBody = readerOf(KindsSchema, { body: "one_string" });
    expect(violationsOf(() => withBody({ body: `"x"`, query: "one_int64=1" }))).toEqual([
      "one_int64: cannot be set together with one_string",
    ]);
    const withPath = readerOf(KindsSchema, { variables: ["one_string"] });
    expect(violationsOf(() => withPath({ values: ["x"], query: "one_kinds.a_string=1" }))).toEqual([
      "one_kinds.a_string: cannot be set together with one_string",
    ]);
  });
});

describe("a query beyond bounds", () => {
  test("of parameters is refused", () => {
    const bounded = readerOf(KindsSchema, {}, { maxQueryPairs: 2 });
    expect(bounded({ query: "int32s=1&&int32s=2&" })).toEqual(create(KindsSchema, { int32s: [1, 2] }));
    expect(refusalOf(() => bounded({ query: "int32s=1&int32s=2&int32s=3" })).message).toContain(
      "more than 2 parameters",
    );
    expect(read({ query: "int32s=1&".repeat(1000) })).toEqual(create(KindsSchema, { int32s: Array(1000).fill(1) }));
    refusalOf(() => read({ query: "int32s=1&".repeat(1001) }));
  });

  test("of depth is refused", () => {
    const bounded = readerOf(KindsSchema, {}, { maxDepth: 3 });
    expect(bounded({ query: "itself.itself.a_string=x" })).toEqual(
      create(KindsSchema, { itself: { itself: { aString: "x" } } }),
    );
    expect(violationsOf(() => bounded({ query: "itself.itself.itself.a_string=x" }))).toHaveLength(1);
  });

  test("is answered with a hundred violations at most, and a short message", () => {
    const query = Array.from({ length: 1000 }, (_, index) => `nope${index}=1`).join("&");
    expect(violationsOf(() => read({ query }))).toHaveLength(100);
    expect(refusalOf(() => read({ query })).message).toContain("and 995 more");
  });
});

test("a message of another type has its own parameters", () => {
  expect(readerOf(RareSchema, {})({ query: "aStringValue=x" })).toEqual(create(RareSchema, { aStringValue: "x" }));
});
