import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonError, parseJsonObject } from "./json-document.ts";

const RUNS = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 4 };

/** How the parser complains: `line:column message`. */
function complaintAbout(text: string): string {
  try {
    parseJsonObject(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return `${error.position.line}:${error.position.column} ${error.message}`;
  }
  return expect.unreachable("the text was accepted");
}

test("members keep their order, their values, and the place of their keys", () => {
  const text = '{\n  "a": [1, -2.5e3, true, null, {"b": "\\u00e9\\n"}],\r\n\t"c": "x", "c": {}\n}\n';
  expect(parseJsonObject(text)).toEqual([
    { key: "a", value: [1, -2500, true, null, { b: "é\n" }], line: 2, column: 3 },
    { key: "c", value: "x", line: 3, column: 2 },
    { key: "c", value: {}, line: 3, column: 12 },
  ]);
});

test("a byte order mark is skipped and does not count", () => {
  expect(parseJsonObject('\ufeff{"a": 1}')).toEqual([{ key: "a", value: 1, line: 1, column: 2 }]);
});

test("a key called __proto__ is a key like any other", () => {
  const [member] = parseJsonObject('{"__proto__": {"__proto__": 1}}');
  expect(member?.key).toBe("__proto__");
  expect(Object.getPrototypeOf(member?.value)).toBe(Object.prototype);
  expect(Object.keys(member?.value as object)).toEqual(["__proto__"]);
});

describe("what is not an object in JSON is refused with its place", () => {
  test.each([
    ["", '1:1 expected one object, such as {"port": 8080}, found the end of the file'],
    ["[]", '1:1 expected one object, such as {"port": 8080}, found ['],
    ["port: 8080", '1:1 expected one object, such as {"port": 8080}, found port'],
    ['{"a": 1', '1:8 expected "," or "}", found the end of the file'],
    ['{\n  "a": 1\n  "b": 2\n}', '3:3 expected "," or "}", found a string'],
    ['{"a": 1,}', "1:9 expected a key in double quotes, found }"],
    ["{a: 1}", '1:2 expected a key in double quotes or "}", found a'],
    ["{'a': 1}", '1:2 expected a key in double quotes or "}", found \''],
    ['{"a" 1}', '1:6 expected ":", found 1'],
    ['{"a": }', "1:7 expected a value, found }"],
    ['{"a": [1 2]}', '1:10 expected "," or "]", found 2'],
    ['{"a": [1,]}', "1:10 expected a value, found ]"],
    ['{"a": hunter2}', "1:7 expected a value, found hunter2"],
    ['{"a": 😀}', "1:7 expected a value, found 😀"],
    ['{"a": "x}', "1:7 expected a value, found a string that does not end, or has a character that must be escaped"],
    ['{"a": 01}', '1:8 expected "," or "}", found 1'],
    ['{"a": 1} // why', "1:10 expected the end of the file, found /"],
    ['{"a": 1} {}', "1:10 expected the end of the file, found {"],
    [`{"a": ${"[".repeat(101)}`, "1:107 more than 100 levels of brackets"],
  ])("%s", (text, complaint) => {
    expect(complaintAbout(text)).toBe(complaint);
  });
});

/** The last of each key counts for JSON.parse. */
const asObject = (text: string) => Object.fromEntries(parseJsonObject(text).map(({ key, value }) => [key, value]));

test("every JSON object means what it means to JSON.parse", () => {
  const property = fc.property(
    fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()),
    fc.constantFrom(undefined, 1, "\t"),
    (object, space) => {
      const text = JSON.stringify(object, null, space);
      expect(asObject(text)).toEqual(JSON.parse(text));
    },
  );
  fc.assert(property, RUNS);
});

test("a text is accepted when JSON.parse accepts it as an object, and else refused with a place inside of it", () => {
  const mutant = fc
    .tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(), fc.nat(3), fc.string({ maxLength: 3 }))
    .map(([object, at, length, inserted]) => {
      const text = JSON.stringify(object, null, 1);
      const start = at % text.length;
      return text.slice(0, start) + inserted + text.slice(start + length);
    });
  const property = fc.property(fc.oneof(mutant, fc.string(), fc.json()), (text) => {
    const expected = parsed(text);
    if (typeof expected === "object" && expected !== null && !Array.isArray(expected)) {
      expect(asObject(text)).toEqual(expected);
      return;
    }
    const [, line, column] = /^(\d+):(\d+) /.exec(complaintAbout(text)) ?? [];
    const found = text.split(/\r\n|\n|\r/)[Number(line) - 1];
    expect(Number(column)).toBeLessThanOrEqual((found ?? "").length + 1);
  });
  fc.assert(property, RUNS);
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
