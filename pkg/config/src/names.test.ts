import { expect, test } from "vitest";
import { createNames, didYouMean, nearest } from "./names.ts";
import { text } from "./options.ts";

const option = text({ doc: "Any." });

test.each([
  ["port", "PORT", "--port"],
  ["adminPort", "ADMIN_PORT", "--admin-port"],
  ["logFormat", "USER_SERVICE_LOG_FORMAT", "--log-format"],
  ["drainDelayMs", "USER_SERVICE_DRAIN_DELAY_MS", "--drain-delay-ms"],
  ["http2Limit", "USER_SERVICE_HTTP2_LIMIT", "--http2-limit"],
])("%s is the variable %s and the flag %s", (key, variable, flag) => {
  const names = createNames("user-service", { [key]: option }, ["port", "adminPort"]);
  expect([names.variable(key), names.flag(key)]).toEqual([variable, flag]);
});

test.each(["Port", "drain-delay", "a.b", "", "1st"])("%j is no key", (key) => {
  expect(() => createNames("a", { [key]: option }, [])).toThrow(TypeError);
});

test.each([
  ["prot", "port"],
  ["ports", "port"],
  ["PORT", "port"],
  ["drain_delay_ms", "drainDelayMs"],
  ["drainDelay", "drainDelayMs"],
  ["drainTimout", "drainTimeoutMs"],
  ["databse-url", "databaseUrl"],
  ["colour", undefined],
  ["", undefined],
  ["x".repeat(10_000), undefined],
])("the name nearest to %s is %s", (name, expected) => {
  expect(nearest(name, ["port", "drainDelayMs", "drainTimeoutMs", "databaseUrl"])).toBe(expected);
});

test("of equally near names the first is meant, and the same name beats all", () => {
  expect(nearest("cat", ["car", "can"])).toBe("car");
  expect(nearest("can", ["car", "can"])).toBe("can");
});

test("a suggestion is a question, and none is nothing", () => {
  expect(didYouMean("port")).toBe("; did you mean port?");
  expect(didYouMean(undefined)).toBe("");
});
