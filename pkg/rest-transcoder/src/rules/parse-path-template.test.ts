import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePathTemplate, TemplateError } from "./parse-path-template.ts";
import { anyTexts, templates } from "./path-template.fixture.ts";
import type { PathTemplate } from "./path-template.ts";
import { printPathTemplate } from "./print-path-template.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 20261121 };

const literal = (text: string) => ({ kind: "literal", text }) as const;
const one = { kind: "*" } as const;
const deep = { kind: "**" } as const;

test.each<[string, Partial<PathTemplate>]>([
  ["/", { segments: [] }],
  ["/v1/users", { segments: [literal("v1"), literal("users")] }],
  ["/v1/*/**", { segments: [literal("v1"), one, deep] }],
  ["/v1:batchGet", { segments: [literal("v1")], verb: "batchGet" }],
  ["/**:move", { segments: [deep], verb: "move" }],
  ["/v1/{id}", { segments: [literal("v1"), one], variables: [variable("id", 1, 2, false)] }],
  ["/v1/{id=*}", { segments: [literal("v1"), one], variables: [variable("id", 1, 2, false)] }],
  ["/{a.b_c.D1}:do", { segments: [one], variables: [variable("a.b_c.D1", 0, 1, false)], verb: "do" }],
  ["/{name=x}", { segments: [literal("x")], variables: [variable("name", 0, 1, true)] }],
  ["/{name=**}", { segments: [deep], variables: [variable("name", 0, 1, true)] }],
  [
    "/v1/{name=shelves/*/books/*}/{rest=pages/**}:read",
    {
      segments: [literal("v1"), literal("shelves"), one, literal("books"), one, literal("pages"), deep],
      variables: [variable("name", 1, 5, true), variable("rest", 5, 7, true)],
      verb: "read",
    },
  ],
  ["/a%2Fb/%2a/%3A:%C3%A9", { segments: [literal("a/b"), literal("*"), literal(":")], verb: "é" }],
  ["/größe/@me/a=b;c,d.~-_!$&'()+", { segments: [literal("größe"), literal("@me"), literal("a=b;c,d.~-_!$&'()+")] }],
  ["/./..", { segments: [literal("."), literal("..")] }],
])("%s is a template", (text, expected) => {
  expect(parsePathTemplate(text)).toEqual({ segments: [], verb: undefined, variables: [], ...expected });
});

function variable(path: string, start: number, end: number, isMulti: boolean) {
  return { fieldPath: path.split("."), start, end, isMulti };
}

test.each([
  ["", 'expected "/", found the end', 0],
  ["v1", 'expected "/", found "v"', 0],
  ["//", 'expected a segment, found "/"', 1],
  ["/v1/", "expected a segment, found the end", 4],
  ["/v1//x", 'expected a segment, found "/"', 4],
  ["/:get", 'expected a segment, found ":"', 1],
  ["/v1:", "expected a verb, found the end", 4],
  ["/v1:a:b", 'expected the end, found ":"', 5],
  ["/v1:a/b", 'expected the end, found "/"', 5],
  ["/v1?a=b", 'expected "/", ":" or the end, found "?"', 3],
  ["/v1 ", 'expected "/", ":" or the end, found " "', 3],
  ["/a*", 'expected "/", ":" or the end, found "*"', 2],
  ["/*a", 'expected "/", ":" or the end, found "a"', 2],
  ["/***", 'expected "/", ":" or the end, found "*"', 3],
  ["/a{b}", "a variable must be a whole segment", 2],
  ["/{b}c", "a variable must be a whole segment", 4],
  ["/{a}{b}", "a variable must be a whole segment", 4],
  ["/*{a}", "a variable must be a whole segment", 2],
  ["/{a}*", "a variable must be a whole segment", 4],
  ["/{a}}", 'expected "/", ":" or the end, found "}"', 4],
  ["/%4", 'expected a segment, found "%"', 1],
  ["/a%zz", 'expected "/", ":" or the end, found "%"', 2],
  ["/a/%C3", "percent-encoded text that is not UTF-8", 3],
  ["/\ud800", 'expected a segment, found "\\ud800"', 1],
  ["/{}", 'expected a field\'s name, found "}"', 2],
  ["/{a.}", 'expected a field\'s name, found "}"', 4],
  ["/{1a}", 'expected a field\'s name, found "1"', 2],
  ["/{a", 'expected "}", found the end', 3],
  ["/{a=}", 'expected a segment, found "}"', 4],
  ["/{a=b:c}", 'expected "}", found ":"', 5],
  ["/{a={b}}", "a variable must not be within another", 4],
  ["/**/x", '"**" must be the last segment', 4],
  ["/{a=**}/{b}", '"**" must be the last segment', 10],
  ["/{a=**/x}", '"**" must be the last segment', 7],
  ["/**/**", '"**" must be the last segment', 4],
])("%j is none", (text, reason, offset) => {
  expect(() => parsePathTemplate(text)).toThrow(new TemplateError(reason, offset));
});

describe("templates and their text", () => {
  test("are the same thing", () => {
    fc.assert(
      fc.property(templates, (template) => {
        expect(parsePathTemplate(printPathTemplate(template))).toEqual(template);
      }),
      parameters,
    );
  });

  test("a template is printed in one way, however it was written", () => {
    expect(printPathTemplate(parsePathTemplate("/v1/{id=*}/%61%2f%2A/é:%7Edo"))).toBe("/v1/{id}/a%2F%2A/%C3%A9:~do");
  });

  test("no text makes the parser throw anything but a TemplateError", () => {
    const token = fc.constantFrom("/", "{", "}", "*", "**", "=", ".", ":", "%", "%2F", "%C3", "a", "b_1", "é");
    const texts = fc.oneof(
      fc.array(token).map((tokens) => `/${tokens.join("")}`),
      anyTexts,
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const template = parsePathTemplate(text);
          expect(parsePathTemplate(printPathTemplate(template))).toEqual(template);
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      }),
      parameters,
    );
  });
});
