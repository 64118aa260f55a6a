import { expect, test } from "vitest";
import { acceptsType } from "./accept.ts";

test.each([
  [null, true],
  ["", true],
  ["*/*", true],
  ["application/json", true],
  ["application/json; charset=utf-8", true],
  ["text/html, application/json;q=0.1", true],
  ["text/html;q=0.9 , */*; q=0.1", true],
  ["Application/*", true],
  ["text/html", false],
  ["application/json;q=0", false],
  ["application/json;q=0.000, */*", false],
  ["application/*;q=0, */*", false],
  ["application/json, */*;q=0", true],
  ["*/*;q=0", false],
  ["application/json;q=0.5;v=1", true],
  [";;;", false],
  [",,", false],
])("accept: %j: %s", (accept, expected) => {
  expect(acceptsType(accept, "application/json")).toBe(expected);
});

test("a long header is read in time in proportion to it", () => {
  const started = performance.now();
  acceptsType(`${";".repeat(8_000)}${"a/".repeat(4_000)}`, "application/json");
  expect(performance.now() - started).toBeLessThan(500);
});
