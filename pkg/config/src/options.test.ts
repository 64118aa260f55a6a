import { tmpdir } from "node:os";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigError, loadConfig } from "./load-config.ts";
import {
  bytes,
  count,
  flag,
  list,
  milliseconds,
  type Option,
  oneOf,
  origins,
  port,
  postgresUrl,
  secret,
  share,
  text,
  url,
  urls,
} from "./options.ts";

const RUNS = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 4 };

/** What the text of a variable, which is not empty, gives as the value of an option. */
function parse<T>(option: Option<T>, value: string): T {
  const env = { A_SERVICE_VALUE: value };
  return loadConfig({ service: "a-service", options: { value: option }, env, directory: tmpdir() }).values.value as T;
}

const doc = "An option.";

describe.each<{ kind: string; option: Option<unknown>; accepted: [string, unknown][]; refused: string[] }>([
  {
    kind: "a port",
    option: port({ doc }),
    accepted: [
      ["0", 0],
      ["80", 80],
      ["65535", 65_535],
    ],
    refused: [" ", "80abc", "abc", "-1", "+80", "70000", "65536", "80.5", "8e1", "0x50", " 80", "1e309", "８０"],
  },
  {
    kind: "a time",
    option: milliseconds({ doc }),
    accepted: [
      ["0", 0],
      ["5000", 5_000],
      ["250ms", 250],
      ["5s", 5_000],
      ["1.5s", 1_500],
      ["1.001s", 1_001],
      ["2m", 120_000],
      ["1h", 3_600_000],
      ["2147483647", 2_147_483_647],
    ],
    refused: ["-1", "1.5", "0.5ms", "5S", "5 s", "5sec", "1h30m", "s", "ms", "2147483648", "25d", "596h31m", "600h"],
  },
  {
    kind: "a time within a range",
    option: milliseconds({ doc, min: 1, max: 60_000 }),
    accepted: [
      ["1", 1],
      ["1m", 60_000],
    ],
    refused: ["0", "0s", "61s"],
  },
  {
    kind: "a size",
    option: bytes({ doc, max: 2 ** 30 }),
    accepted: [
      ["0", 0],
      ["65536", 65_536],
      ["512B", 512],
      ["16KiB", 16_384],
      ["4MiB", 4_194_304],
      ["1.5KiB", 1_536],
      ["1GiB", 2 ** 30],
    ],
    refused: ["-1", "1.5", "4MB", "4M", "4Mi", "4mib", "4 MiB", "2GiB", "KiB", "1constructor", "9".repeat(16)],
  },
  {
    kind: "a count",
    option: count({ doc }),
    accepted: [
      ["1", 1],
      ["1000000", 1_000_000],
    ],
    refused: ["0", "-1", "1.5", "1s", "many", "9".repeat(16)],
  },
  {
    kind: "a share",
    option: share({ doc }),
    accepted: [
      ["0", 0],
      ["0.25", 0.25],
      ["1", 1],
      ["1.0", 1],
    ],
    refused: ["1.1", "-0.1", "2", ".5", "1e-1", "10%", "half", "NaN"],
  },
  {
    kind: "a flag",
    option: flag({ doc }),
    accepted: [
      ["true", true],
      ["false", false],
    ],
    refused: ["1", "0", "yes", "TRUE", "toString", "__proto__"],
  },
  {
    kind: "a list",
    option: list({ doc }),
    accepted: [
      ["a", ["a"]],
      ["a,b", ["a", "b"]],
      [" a , ,b, ", ["a", "b"]],
      [",", []],
    ],
    refused: [],
  },
  {
    kind: "a list of origins",
    option: origins({ doc }),
    accepted: [
      ["*", ["*"]],
      ["https://a.example, http://localhost:3000", ["https://a.example", "http://localhost:3000"]],
    ],
    refused: [
      "a.example",
      "https://a.example/",
      "https://a.example/path",
      "https://A.example",
      "ftp://a.example",
      "**",
    ],
  },
  {
    kind: "a text",
    option: text({ doc }),
    accepted: [
      ["a b", "a b"],
      ["80", "80"],
      ["1.10", "1.10"],
    ],
    refused: [],
  },
  {
    kind: "one of several words",
    option: oneOf(["json", "pretty"], { doc }),
    accepted: [
      ["json", "json"],
      ["pretty", "pretty"],
    ],
    refused: ["xml", "JSON", "toString", "0"],
  },
  {
    kind: "a URL",
    option: url({ doc }),
    accepted: [["https://a.example/path?q=1", "https://a.example/path?q=1"]],
    refused: ["a.example", "ftp://a.example", "https:a.example", "https://", "https://a b", "javascript:alert(1)"],
  },
  {
    kind: "a URL of another protocol",
    option: url({ doc, protocols: ["redis"] }),
    accepted: [["redis://a.example:6379", "redis://a.example:6379"]],
    refused: ["https://a.example"],
  },
  {
    kind: "a list of URLs",
    option: urls({ doc }),
    accepted: [["https://a.example,http://b.example", ["https://a.example", "http://b.example"]]],
    refused: ["https://a.example,b.example"],
  },
  {
    kind: "a PostgreSQL URL",
    option: postgresUrl({ doc }),
    accepted: [
      ["postgresql://u:p@localhost:5432/db", "postgresql://u:p@localhost:5432/db"],
      ["postgres://h/db?sslmode=require", "postgres://h/db?sslmode=require"],
    ],
    refused: [
      "localhost:5432",
      "mysql://h/db",
      "postgresql://h:port/db",
      "postgresql//h/db",
      "postgresql://h/db?sslmode=bogus",
      "postgresql://h/db?sslmode=",
      "postgresql://h/db?sslmode=verify-full&sslmode=bogus",
    ],
  },
  {
    kind: "a secret",
    option: secret({ doc }),
    accepted: [[" a,b ", " a,b "]],
    refused: [],
  },
])("$kind", ({ option, accepted, refused }) => {
  test.each(accepted)("takes %j as %j", (value, parsed) => expect(parse(option, value)).toEqual(parsed));
  test.runIf(refused.length > 0).each(refused)("refuses %j", (value) => {
    expect(() => parse(option, value)).toThrow(ConfigError);
  });
  test("says what it allows", () => expect(option.allowed).not.toBe(""));
});

test("a time in any unit is the same time in milliseconds", () => {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  const property = fc.property(fc.nat(500), fc.constantFrom(...Object.entries(units)), (number, [unit, factor]) => {
    expect(parse(milliseconds({ doc }), `${number}${unit}`)).toBe(number * factor);
  });
  fc.assert(property, RUNS);
});

test("whatever the text, an option is refused or gets a value it accepts", () => {
  const all = [port({ doc }), milliseconds({ doc }), bytes({ doc }), count({ doc }), flag({ doc }), origins({ doc })];
  const property = fc.property(
    fc.string({ minLength: 1 }),
    fc.constantFrom(...(all as Option<unknown>[])),
    (value, option) => {
      let parsed: unknown;
      try {
        parsed = parse(option, value);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        return;
      }
      expect(option.accepts(parsed)).toBe(true);
    },
  );
  fc.assert(property, RUNS);
});
