import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodePageToken,
  encodePageToken,
  maxPageTokenLength,
  type PageArguments,
  type PageArgumentValue,
  PageTokenError,
} from "./page-token.ts";

const runs = { seed: 158, numRuns: Number(process.env.FUZZ_RUNS ?? 300) };
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const listUsers = { method: "ListUsers", filter: "", show_deleted: false };
const position = ["018f4e3a-7c1b-7d7e-9a55-0242ac120002"];
const token = encodePageToken({ arguments: listUsers, position });

/** The reason a token is refused for; fails the test when it is accepted or something else is thrown. */
function refusal(candidate: string, pageArguments: PageArguments = listUsers): string {
  try {
    decodePageToken(candidate, { arguments: pageArguments });
  } catch (error) {
    if (error instanceof PageTokenError) {
      return error.reason;
    }
    throw error;
  }
  throw new Error(`accepted ${candidate}`);
}

/** A token with a valid checksum over whatever content. */
function forge(content: Buffer): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(content));
  return Buffer.concat([content, checksum]).toString("base64url");
}

const contentOf = (text: string) => Buffer.from(text, "base64url").subarray(0, -4);

describe("a page token", () => {
  test("gives the position back", () => {
    expect(decodePageToken(token, { arguments: listUsers })).toEqual(position);
  });

  test("is made of characters that need no escaping in a URL", () => {
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  test("stays readable by later releases: this text is version 1", () => {
    expect(token).toBe("ATwMf325O_wXJDAxOGY0ZTNhLTdjMWItN2Q3ZS05YTU1LTAyNDJhYzEyMDAwMm39LGI");
  });

  test("carries any list of strings for any arguments", () => {
    const arguments_ = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<PageArgumentValue>);
    const positions = fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 5 });
    fc.assert(
      fc.property(arguments_, positions, (pageArguments, values) => {
        const text = encodePageToken({ arguments: pageArguments, position: values });

        expect(decodePageToken(text, { arguments: pageArguments })).toEqual(values);
      }),
      runs,
    );
  });

  test("keeps a byte-order mark and empty strings in the position", () => {
    const values = ["\uFEFFx", "", "\0", "😀"];
    const text = encodePageToken({ arguments: {}, position: values });

    expect(decodePageToken(text, { arguments: {} })).toEqual(values);
  });
});

describe("the arguments of a page token", () => {
  test("may come in any order of keys, at any depth", () => {
    const text = encodePageToken({ arguments: { a: 1, b: { c: [{ d: null, e: true }], f: "x" } }, position });

    expect(decodePageToken(text, { arguments: { b: { f: "x", c: [{ e: true, d: null }] }, a: 1 } })).toEqual(position);
  });

  test.each<[string, PageArguments]>([
    ["another value", { ...listUsers, filter: "active" }],
    ["another type of value", { ...listUsers, show_deleted: "false" }],
    ["a further key", { ...listUsers, order_by: "" }],
    ["a key less", { method: "ListUsers", filter: "" }],
    ["null for a value", { ...listUsers, filter: null }],
    ["no arguments", {}],
  ])("may not change: %s", (_, changed) => {
    expect(refusal(token, changed)).toBe("argumentsChanged");
  });

  test("are told apart by the order and the nesting of lists", () => {
    const text = encodePageToken({ arguments: { states: ["a", "b"] }, position });

    expect(refusal(text, { states: ["b", "a"] })).toBe("argumentsChanged");
    expect(refusal(text, { states: [["a", "b"]] })).toBe("argumentsChanged");
    expect(refusal(text, { states: ["a,b"] })).toBe("argumentsChanged");
  });

  test("are the same exactly when their values are equal", () => {
    const record = fc.dictionary(fc.constantFrom("a", "b", "__proto__"), fc.constantFrom(0, -0, "0", "", null, false), {
      noNullPrototype: true,
    });
    const sorted = (value: object) => JSON.stringify(Object.entries(value).sort());
    fc.assert(
      fc.property(record, record, (first, second) => {
        const text = encodePageToken({ arguments: first, position });
        const read = () => decodePageToken(text, { arguments: second });

        if (sorted(first) === sorted(second)) {
          expect(read()).toEqual(position);
        } else {
          expect(read).toThrow(PageTokenError);
        }
      }),
      runs,
    );
  });

  test.each([
    ["NaN", Number.NaN],
    ["undefined", undefined],
    ["a bigint", 1n],
    ["a date", new Date(0)],
    ["a map", new Map()],
    ["a hole in a list", new Array(1)],
  ])("must be plain JSON, or two requests would look the same: %s", (_, value) => {
    const pageArguments = { value } as unknown as PageArguments;

    expect(() => encodePageToken({ arguments: pageArguments, position })).toThrow(TypeError);
    expect(() => decodePageToken(token, { arguments: pageArguments })).toThrow(TypeError);
  });
});

describe("a damaged page token", () => {
  test("is refused for every edit of a single character", () => {
    const others = `${alphabet}+/= \n%é`;
    for (let index = 0; index < token.length; index++) {
      for (const character of others) {
        if (character !== token[index]) {
          expect(refusal(token.slice(0, index) + character + token.slice(index + 1))).toBe("malformed");
        }
      }
    }
  });

  test("is refused wherever it is cut off, at either end", () => {
    for (let length = 0; length < token.length; length++) {
      expect(refusal(token.slice(0, length))).toBe("malformed");
      expect(refusal(token.slice(token.length - length))).toBe("malformed");
    }
  });

  test("is refused with any character inserted or removed anywhere", () => {
    for (let index = 0; index <= token.length; index++) {
      for (const character of `${alphabet}=`) {
        expect(refusal(token.slice(0, index) + character + token.slice(index))).toBe("malformed");
      }
      if (index < token.length) {
        expect(refusal(token.slice(0, index) + token.slice(index + 1))).toBe("malformed");
      }
    }
  });

  test("is refused with two neighbouring characters swapped", () => {
    for (let index = 0; index < token.length - 1; index++) {
      const [first, second] = [token.charAt(index), token.charAt(index + 1)];
      if (first !== second) {
        expect(refusal(token.slice(0, index) + second + first + token.slice(index + 2))).toBe("malformed");
      }
    }
  });

  test.each(["xy", "xyz"])("is refused with bits set that base64url leaves unused (position %j)", (value) => {
    const text = encodePageToken({ arguments: {}, position: [value] });
    const unusedBits = text.length % 4 === 2 ? 4 : 2;
    const last = alphabet.indexOf(text.charAt(text.length - 1));

    expect(text.length % 4).not.toBe(0);
    for (let bits = 1; bits < 2 ** unusedBits; bits++) {
      const variant = text.slice(0, -1) + alphabet[last + bits];

      expect(Buffer.from(variant, "base64url")).toEqual(Buffer.from(text, "base64url"));
      expect(refusal(variant, {})).toBe("malformed");
    }
  });

  test("is refused with padding, or in the other base64 alphabet", () => {
    const text = encodePageToken({ arguments: {}, position: ["ÿ~ÿ~ÿ~ÿ~ÿ~"] });
    const bytes = Buffer.from(text, "base64url");

    expect(bytes.toString("base64")).toMatch(/[+/]/);
    expect(refusal(bytes.toString("base64"), {})).toBe("malformed");
    expect(refusal(`${token}=`)).toBe("malformed");
  });

  test("is refused as malformed, rather than as changed arguments, when both are the case", () => {
    expect(refusal(`${token}A`, {})).toBe("malformed");
  });
});

describe("a foreign page token", () => {
  test("of another version is refused as such", () => {
    const content = contentOf(token);
    for (const version of [0, 2, 3, 255]) {
      content[0] = version;

      expect(refusal(forge(content))).toBe("unsupportedVersion");
    }
  });

  test("without room for a hash is malformed, even with a valid checksum", () => {
    expect(refusal(forge(Buffer.of()))).toBe("malformed");
    expect(refusal(forge(Buffer.of(1, 2, 3)))).toBe("malformed");
  });

  test.each([
    ["a length beyond the end", Buffer.of(9, 0x61)],
    ["an endless length", Buffer.alloc(12, 0xff)],
    ["an unfinished length", Buffer.of(0x80)],
    ["bytes that are not UTF-8", Buffer.of(1, 0xff)],
  ])("whose position is %s is malformed", (_, bytes) => {
    expect(refusal(forge(Buffer.concat([contentOf(token).subarray(0, 9), bytes])))).toBe("malformed");
  });

  test("made of any string throws PageTokenError and nothing else", () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 200 }),
      fc.base64String(),
      fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
    );
    fc.assert(
      fc.property(anything, (text) => {
        expect(["malformed", "unsupportedVersion", "argumentsChanged"]).toContain(refusal(text));
      }),
      runs,
    );
  });

  test("made of any bytes under a valid checksum throws PageTokenError or gives strings", () => {
    const header = contentOf(token).subarray(0, 9);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, withHeader) => {
        const text = forge(withHeader ? Buffer.concat([header, bytes]) : Buffer.from(bytes));
        try {
          for (const value of decodePageToken(text, { arguments: listUsers })) {
            expect(value).toBeTypeOf("string");
          }
        } catch (error) {
          expect(error).toBeInstanceOf(PageTokenError);
        }
      }),
      runs,
    );
  });
});

describe("the length of a page token", () => {
  test("is limited, up to which positions make the round trip", () => {
    const longest = ["x".repeat(753)];
    const text = encodePageToken({ arguments: {}, position: longest });

    expect(text).toHaveLength(maxPageTokenLength);
    expect(decodePageToken(text, { arguments: {} })).toEqual(longest);
    expect(() => encodePageToken({ arguments: {}, position: ["x".repeat(754)] })).toThrow(RangeError);
  });

  test("is checked before the token is decoded", () => {
    const whole = forge(Buffer.concat([contentOf(token), Buffer.alloc(1000)]));

    expect(whole.length).toBeGreaterThan(maxPageTokenLength);
    expect(refusal(whole)).toBe("malformed");
    expect(refusal("A".repeat(10_000_000))).toBe("malformed");
  });
});

test("a position that UTF-8 cannot hold is refused when the token is written", () => {
  expect(() => encodePageToken({ arguments: {}, position: ["\uD800"] })).toThrow(TypeError);
});

test.each(["malformed", "unsupportedVersion", "argumentsChanged"] as const)(
  "the message of %s says what is wrong and the way out",
  (reason) => {
    const error = new PageTokenError(reason);

    expect(error.name).toBe("PageTokenError");
    expect(error.message).toMatch(/page token.*pass .*none to start from the first page$/);
  },
);
