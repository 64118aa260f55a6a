import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KindsSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
import {
  decodeTag,
  findEtagField,
  formatEtag,
  ifNoneMatchHits,
  readEtag,
  readIfMatch,
  readIfNoneMatch,
} from "./etag.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 20261121 };

/** Source: RFC 9110, 8.8.3. */
const ENTITY_TAG = /^(W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

describe("an etag as a header", () => {
  test.each([
    ["abc", '"abc"'],
    ["BwWWja0YfJA=", '"BwWWja0YfJA="'],
    ['"foo"', '"%22foo%22"'],
    ['W/"foo"', 'W/"foo"'],
    ['W/"a b"', '"W/%22a%20b%22"'],
    ["a b", '"a%20b"'],
    ["100%", '"100%25"'],
    ["%41", '"%2541"'],
    ["ü", '"%C3%BC"'],
    ["a\r\nset-cookie: x", '"a%0D%0Aset-cookie:%20x"'],
    ["\ud800", '"%EF%BF%BD"'],
  ])("%j is %s", (etag, header) => {
    expect(formatEtag(etag, false)).toBe(header);
  });

  test("any is an entity tag, of which If-Match makes the same etag again", () => {
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.string().map((text) => `W/"${text}"`),
    );
    const check = (etag: string) => {
      const header = formatEtag(etag, false) ?? "";
      expect(header).toMatch(ENTITY_TAG);
      const condition = readIfMatch(header);
      expect(condition).toHaveLength(1);
      expect(condition === "*" ? "*" : condition?.map((tag) => decodeTag(tag, false))).toEqual([etag]);
      expect(ifNoneMatchHits(header, header)).toBe(true);
    };
    fc.assert(fc.property(texts, check), parameters);
  });

  test("a tag that was not made here is taken as it is", () => {
    expect(decodeTag({ isWeak: false, opaque: "100%" }, false)).toBe("100%");
  });

  test("is the field's value as it is when fields hold whole tags, both ways", () => {
    const opaque = fc.string({ unit: fc.constantFrom("a", "%", "2", "'", "\xff", "!", ",") });
    const check = (etag: string) => {
      expect(formatEtag(etag, true)).toBe(etag);
      const condition = readIfMatch(etag);
      expect(condition === "*" ? "*" : condition?.map((tag) => decodeTag(tag, true))).toEqual([etag]);
    };
    const tags = fc.tuple(fc.constantFrom("", "W/"), opaque).map(([weak, text]) => `${weak}"${text}"`);
    fc.assert(fc.property(tags, check), parameters);
  });

  test.each(["foo", '"a b"', '"a"b"', 'w/"a"', '"a", "b"', '"a"\r\nx: y', '"€"'])(
    "there is none for %j when fields hold whole tags",
    (etag) => {
      expect(formatEtag(etag, true)).toBeUndefined();
    },
  );
});

describe("the field that carries it", () => {
  const field = (name?: string) => findEtagField(KindsSchema as DescMessage, name);

  test("is a string of the given name; there may be none", () => {
    expect(field("a_string")?.localName).toBe("aString");
    for (const name of ["an_int32", "strings", "one_string", "etag", undefined]) expect(field(name)).toBeUndefined();
  });

  test("an empty one is none", () => {
    const etag = field("a_string");
    if (etag === undefined) throw new Error("no field");
    expect(readEtag(create(KindsSchema) as Message, etag)).toBeUndefined();
    expect(readEtag(create(KindsSchema, { aString: "x" }) as Message, etag)).toBe("x");
  });
});

/** Source: RFC 9110, 8.8.3 and 13.1.1, and lists by 5.6.1.2. */
const LISTS: readonly [string, unknown][] = [
  ["*", "*"],
  [" * ", "*"],
  ['"xyzzy"', [["xyzzy", false]]],
  ['W/"xyzzy"', [["xyzzy", true]]],
  ['""', [["", false]]],
  [
    '"xyzzy", "r2d2xxxx", "c3piozzzz"',
    [
      ["xyzzy", false],
      ["r2d2xxxx", false],
      ["c3piozzzz", false],
    ],
  ],
  [
    'W/"a",W/"b" ,"c"',
    [
      ["a", true],
      ["b", true],
      ["c", false],
    ],
  ],
  [
    ',, "a" , ,"b",',
    [
      ["a", false],
      ["b", false],
    ],
  ],
  ['"a,b"', [["a,b", false]]],
  ['"\x80\xff"', [["\x80\xff", false]]],
];

describe("conditions", () => {
  test.each(LISTS)("%s is read", (header, expected) => {
    for (const condition of [readIfMatch(header), readIfNoneMatch(header)]) {
      expect(condition === "*" ? "*" : condition?.map(({ opaque, isWeak }) => [opaque, isWeak])).toEqual(expected);
    }
  });

  test.each(["", ",", "abc", '"a', 'a"', '"a" "b"', 'w/"a"', 'W/ "a"', '*, "a"', '"a b"', '"a";q=1'])(
    "%j is malformed: If-Match is refused, If-None-Match never hits",
    (header) => {
      expect(() => readIfMatch(header)).toThrow(ConnectError);
      expect(() => readIfMatch(header)).toThrow(/^\[invalid_argument\] invalid if-match: expected/);
      expect(readIfNoneMatch(header)).toBeUndefined();
      expect(ifNoneMatchHits(header, '"a"')).toBe(false);
    },
  );

  test("without a header there is none", () => {
    expect([readIfMatch(null), readIfNoneMatch(null)]).toEqual([undefined, undefined]);
  });

  test("no header whatever throws anything but INVALID_ARGUMENT, or takes long", () => {
    const parts = fc.constantFrom('"', "W/", ",", " ", "\t", "*", "a", "%", '"a"', "\xff");
    const headers = fc.oneof(
      fc.string(),
      fc.array(parts).map((each) => each.join("")),
    );
    const check = (header: string) => {
      readIfNoneMatch(header);
      try {
        readIfMatch(header);
      } catch (error) {
        expect(ConnectError.from(error).code).toBe(Code.InvalidArgument);
      }
    };
    fc.assert(fc.property(headers, check), parameters);
    const started = performance.now();
    for (const part of [",", " ", " ,", '"a"', '"a",', "W/", '"']) {
      for (const end of ["", "x"]) check(part.repeat(20_000) + end);
    }
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

/** Source: RFC 9110, 8.8.3.2 and 13.1.2. */
test.each([
  ['W/"1"', 'W/"1"', true],
  ['W/"1"', 'W/"2"', false],
  ['W/"1"', '"1"', true],
  ['"1"', 'W/"1"', true],
  ['"1"', '"1"', true],
  ['"2", "1"', '"1"', true],
  ["*", '"1"', true],
  ["*", undefined, false],
  ['"1"', undefined, false],
  [null, '"1"', false],
])("If-None-Match: %s and ETag: %s: 304 is %s", (header, etag, expected) => {
  expect(ifNoneMatchHits(header, etag)).toBe(expected);
});
