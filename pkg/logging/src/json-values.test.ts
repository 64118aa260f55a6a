import { expect, test } from "vitest";
import { createJsonValues } from "./json-values.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { createSecretKeys } from "./secret-keys.ts";

const values = createJsonValues({ limits: DEFAULT_LIMITS, isSecretKey: createSecretKeys([]) });
const written = (value: unknown): unknown => JSON.parse(values.field("field", value) ?? '"nothing"');

const circle: Record<string, unknown> = { a: 1 };
circle.self = circle;
circle.list = [circle];
const causing = new Error("first");
causing.cause = causing;

test.each([
  ["a number", 1.5, 1.5],
  ["no number", Number.NaN, "NaN"],
  ["infinity", Number.NEGATIVE_INFINITY, "-Infinity"],
  ["a BigInt", 12345678901234567890n, "12345678901234567890"],
  ["a boolean", false, false],
  ["null", null, null],
  ["nothing", undefined, "nothing"],
  ["a function", () => {}, "nothing"],
  ["a symbol", Symbol("s"), "Symbol(s)"],
  ["a date", new Date(0), "1970-01-01T00:00:00.000Z"],
  ["no date", new Date(Number.NaN), null],
  ["a URL", new URL("https://u:p@example.com/"), "https://u:[redacted]@example.com/"],
  ["bytes", Buffer.from("abc"), "[3 bytes]"],
  ["a list", [1, undefined, () => {}, "x"], [1, null, "[function]", "x"]],
  ["a set", new Set(["x"]), ["x"]],
  [
    "a map",
    new Map<unknown, unknown>([
      ["a", 1],
      [2, "b"],
      ["token", "x"],
    ]),
    { a: 1, 2: "b", token: "[redacted]" },
  ],
  ["a query", new URLSearchParams("a=1&secret=2"), { a: "1", secret: "[redacted]" }],
  ["a circle", circle, { a: 1, self: "[circular]", list: ["[circular]"] }],
  ["what toJSON gives", { toJSON: () => ({ password: "x", b: 1 }) }, { password: "[redacted]", b: 1 }],
  [
    "a toJSON that gives itself",
    {
      a: 1,
      toJSON(): object {
        return this;
      },
    },
    { a: 1 },
  ],
  [
    "a toJSON that throws",
    {
      toJSON() {
        throw new Error("no");
      },
    },
    "[unreadable]",
  ],
  [
    "a getter that throws",
    {
      a: 1,
      get b() {
        throw new Error("no");
      },
    },
    { a: 1, b: "[unreadable]" },
  ],
  [
    "a proxy that throws",
    new Proxy(
      {},
      {
        ownKeys() {
          throw new Error("no");
        },
      },
    ),
    "[unreadable]",
  ],
  ["a revoked proxy", revoked(), "[unreadable]"],
  ["an error without a stack", Object.assign(new Error("e"), { stack: undefined }), "Error: e"],
  ["an error with a number as code", Object.assign(new Error("e"), { stack: "s", code: 42 }), "s [42]"],
  ["an error that cannot be read", unreadableError(), "an error that cannot be read"],
  ["an error that caused itself", Object.assign(causing, { stack: "s" }), "s"],
  ["no secret under a secret's key", { hasPassword: true, token: null }, { hasPassword: true, token: null }],
])("%s is written as JSON", (_name, value, json) => {
  expect(written(value)).toEqual(json);
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function unreadableError(): Error {
  return Object.defineProperties(new Error("e"), {
    stack: {
      get: () => {
        throw new Error("no");
      },
    },
    cause: {
      get: () => {
        throw new Error("no");
      },
    },
  });
}

test("an error's causes are named, errors or not, up to eight", () => {
  const reasons = Array.from({ length: 20 }, (_, i) => `reason ${i}`);
  const error = Object.assign(new AggregateError(reasons, "all failed"), { stack: "s" });
  const causes = reasons.slice(0, 8).map((reason) => `caused by: ${reason}\n`);
  expect(written(error)).toBe(`s\n${causes.join("")}caused by more, left out`);
  expect(written(Object.assign(new Error("e", { cause: { password: "x" } }), { stack: "s" }))).toBe(
    "s\ncaused by: [object Object]",
  );
});

test("a long text is cut, and says how much is missing", () => {
  const text = String(written("x".repeat(DEFAULT_LIMITS.maxStringLength + 5_000)));
  expect(text).toHaveLength(DEFAULT_LIMITS.maxStringLength + "… (5000 more)".length);
  expect(text.endsWith("x… (5000 more)")).toBe(true);
  expect(String(written("x".repeat(DEFAULT_LIMITS.maxStringLength + 1)))).toMatch(/… \(1 more\)$/);
});

test("a secret that the cut would split is masked", () => {
  for (let shift = 0; shift < 40; shift += 1) {
    const text = `${"x ".repeat(DEFAULT_LIMITS.maxStringLength / 2 - 20)}${"y".repeat(shift)} postgresql://u:CANARY@db/`;
    expect(String(written(text.padEnd(20_000, " z")))).not.toContain("CANA");
  }
});

test("what is too deep, and what is too many, is left out and said so", () => {
  let deep: unknown = "end";
  for (let i = 0; i < 10; i += 1) deep = { deep };
  expect(JSON.stringify(written(deep))).toBe(`${'{"deep":'.repeat(6)}"[too deep]"${"}".repeat(6)}`);
  expect(written(Array.from({ length: 150 }, () => 1))).toEqual([...Array(100).fill(1), "… (50 more)"]);
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`key${i}`, i]));
  expect(written(many)).toMatchObject({ key99: 99, "…": "50 more" });
  expect(written(many)).not.toHaveProperty("key100");
});

test("a huge value ends when the line is too long", () => {
  const huge = Array.from({ length: 100 }, () => ({ text: "x".repeat(10_000), more: { text: "y" } }));
  expect(JSON.stringify(written(huge)).length).toBeLessThan(2 * DEFAULT_LIMITS.maxLineLength);
  expect(JSON.stringify(written(Object.fromEntries(huge.entries())))).toContain('"…":"');
});

test.each([
  "password",
  "USER_PASSWORD",
  "user-passwd",
  "clientSecret",
  "accessToken",
  "X-API-Key",
  "Set-Cookie",
  "DATABASE_URL",
])("the value of %s is a secret", (key) => {
  expect(values.field(key, "x")).toBe('"[redacted]"');
  expect(values.field(key, 5)).toBe('"[redacted]"');
  expect(values.field(key, { a: 1 })).toBe('"[redacted]"');
});

test("however many keys there are, each is judged", () => {
  const isSecret = createSecretKeys(["pin", "!"]);
  for (let i = 0; i < 1_500; i += 1) expect(isSecret(`key${i}`)).toBe(false);
  expect(isSecret("late_P-I-N")).toBe(true);
  expect(isSecret("key1")).toBe(false);
});
