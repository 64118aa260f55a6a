import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { ConfigError, loadConfig } from "./load-config.ts";
import { count, flag, list, milliseconds, type Option, oneOf, port, postgresUrl, share, text } from "./options.ts";

/** What a variable's text gives as the value of an option. */
function parse<T>(option: Option<T>, value: string): T {
  const env = { A_SERVICE_VALUE: value };
  return loadConfig<{ value: T }>("a-service", { value: option }, { env, directory: tmpdir() }).value;
}

const refuses = (option: Option<never>, value: string) => expect(() => parse(option, value)).toThrow(ConfigError);

const doc = "An option.";

describe.each([
  {
    kind: "a port",
    option: port({ doc, default: 1 }),
    accepted: [
      ["0", 0],
      ["80", 80],
      ["65535", 65_535],
    ],
    refused: ["", " ", "80abc", "abc", "-1", "+80", "70000", "65536", "80.5", "8e1", "0x50", " 80", "1e309"],
  },
  {
    kind: "a time",
    option: milliseconds({ doc, default: 1 }),
    accepted: [
      ["0", 0],
      ["2147483647", 2_147_483_647],
    ],
    refused: ["", "-1", "1.5", "10s", "2147483648", "9".repeat(16), "Infinity", "NaN"],
  },
  {
    kind: "a count",
    option: count({ doc, default: 1 }),
    accepted: [
      ["1", 1],
      ["1000000", 1_000_000],
    ],
    refused: ["", "0", "-1", "1.5", "many", "9".repeat(16)],
  },
  {
    kind: "a share",
    option: share({ doc, default: 1 }),
    accepted: [
      ["0", 0],
      ["0.25", 0.25],
      ["1", 1],
      ["1.0", 1],
    ],
    refused: ["", "1.1", "-0.1", "2", ".5", "1e-1", "10%", "half", "NaN"],
  },
  {
    kind: "a flag",
    option: flag({ doc, default: false }),
    accepted: [
      ["true", true],
      ["false", false],
    ],
    refused: ["", "1", "0", "yes", "TRUE", "toString", "__proto__"],
  },
  {
    kind: "a list",
    option: list({ doc, default: ["x"] }),
    accepted: [
      ["", []],
      ["a", ["a"]],
      ["a,b", ["a", "b"]],
      [" a , ,b, ", ["a", "b"]],
      ["*", ["*"]],
    ],
    refused: [],
  },
  {
    kind: "a text",
    option: text({ doc, default: "x" }),
    accepted: [
      ["", ""],
      ["a b", "a b"],
      ["80", "80"],
    ],
    refused: [],
  },
  {
    kind: "one of several words",
    option: oneOf(["json", "pretty"], { doc, default: "json" }),
    accepted: [
      ["json", "json"],
      ["pretty", "pretty"],
    ],
    refused: ["", "xml", "JSON", "toString"],
  },
  {
    kind: "a PostgreSQL URL",
    option: postgresUrl({ doc }),
    accepted: [
      ["postgresql://u:p@localhost:5432/db", "postgresql://u:p@localhost:5432/db"],
      ["postgres://h/db?sslmode=require", "postgres://h/db?sslmode=require"],
    ],
    refused: ["", "localhost:5432", "mysql://h/db", "postgresql://h:port/db", "postgresql//h/db"],
  },
] as { kind: string; option: Option<never>; accepted: [string, unknown][]; refused: string[] }[])(
  "$kind",
  ({ option, accepted, refused }) => {
    test.each(accepted)("takes %j as %j", (value, parsed) => expect(parse(option, value)).toEqual(parsed));
    test.runIf(refused.length > 0).each(refused)("refuses %j", (value) => refuses(option, value));
  },
);

test.each([
  ["[1,2]", [1, 2]],
  ["5", 5],
])("a list that is %s, as a file may have it, is refused", (shown, value) => {
  const option = list({ doc, default: value as unknown as string[] });
  expect(() => loadConfig("a-service", { value: option }, { env: {}, directory: tmpdir() })).toThrow(
    `value (A_SERVICE_VALUE): must be a list: a,b,c: value was ${shown}`,
  );
});

test("a PostgreSQL URL is a secret, and has no default", () => {
  expect(postgresUrl({ doc })).toMatchObject({ sensitive: true, default: "" });
});
