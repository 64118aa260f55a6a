import { expect, test } from "vitest";
import { withDefaults } from "./options.ts";

const routes = () => {};

test("an option that is given as undefined has its default", () => {
  const defaults = withDefaults({ routes });
  const undefinedOptions = Object.fromEntries(Object.keys(defaults).map((name) => [name, undefined]));
  expect(Object.keys(withDefaults({ ...undefinedOptions, routes }))).toEqual(Object.keys(defaults));
  expect(withDefaults({ ...undefinedOptions, routes }).readMaxBytes).toBe(defaults.readMaxBytes);
});

test.each([Number.NaN, -1, 0])("a limit of %d is refused, by its name", (value) => {
  expect(() => withDefaults({ routes, readMaxBytes: value })).toThrow(/^readMaxBytes must be above 0: it is/);
  expect(() => withDefaults({ routes, pingIntervalMs: value })).toThrow(/^pingIntervalMs must be above 0: it is/);
});

test("0 is a value where it says something", () => {
  expect(withDefaults({ routes, requestTimeoutMs: 0, compressMinBytes: 0 })).toMatchObject({
    requestTimeoutMs: 0,
    compressMinBytes: 0,
  });
  expect(() => withDefaults({ routes, requestTimeoutMs: -1 })).toThrow(/must be above 0, or 0/);
});
