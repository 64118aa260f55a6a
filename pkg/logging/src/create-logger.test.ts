import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { capture } from "../test/capture.ts";
import { createLogger, LEVELS } from "./create-logger.ts";

const ESCAPE = "\u001b[";
const numRuns = Number(process.env.FUZZ_RUNS ?? 300);

test("a json line has time, level, message, service and version first, then the context, then the fields", () => {
  const { logger, output } = capture({ context: () => ({ requestId: "r-1" }) });
  logger.info("listening", { port: 8080, host: "::" });
  expect(output()).toMatch(
    /^\{"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"info","message":"listening","service":"s","version":"1","requestId":"r-1","port":8080,"host":"::"\}\n$/,
  );
});

test("the time is the one at which the line was logged", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { logger, output } = capture();
  for (const time of ["2026-01-01T00:00:00.007Z", "2026-01-01T00:00:00.700Z", "2026-01-01T00:00:01.070Z"]) {
    vi.setSystemTime(new Date(time));
    logger.info("x");
    expect(JSON.parse(output().trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ timestamp: time });
  }
});

test("a field that has the name of one of the line's own is written beside it", () => {
  const { logger, output } = capture({ context: () => ({ requestId: "r-1" }) });
  logger.info("x", { timestamp: "t", service: "other", version: 2, requestId: "r-2", level: "error" });
  expect(JSON.parse(output())).toMatchObject({
    level: "info",
    service: "s",
    service_: "other",
    version_: 2,
    requestId: "r-1",
    requestId_: "r-2",
    timestamp_: "t",
  });
});

test("a context that throws costs its own fields only", () => {
  const context = () => {
    throw new Error("no context");
  };
  for (const format of ["json", "pretty"] as const) {
    const { logger, output } = capture({ format, context });
    logger.info("x", { a: 1 });
    expect(output()).toContain("x");
  }
});

test.each([
  ["error", ["error"]],
  ["warn", ["error", "warn"]],
  ["info", ["error", "warn", "info"]],
  ["debug", ["error", "warn", "info", "debug"]],
] as const)("at level %s, also when it was set later, these are written: %j", (level, written) => {
  const [first, later] = [capture({ level }), capture({ level: "error" })];
  later.logger.level = level;
  for (const { logger, output } of [first, later]) {
    for (const each of LEVELS) logger.log(each, "x");
    expect(output().match(/(?<="level":")\w+/g)).toEqual(written);
  }
});

test("a line that is not written is not made", () => {
  const { logger } = capture({ level: "info" });
  const toJSON = vi.fn();
  logger.debug("x", { field: { toJSON } });
  expect(toJSON).not.toHaveBeenCalled();
});

test("a child's fields stand in its lines", () => {
  const { logger, output } = capture();
  logger.child({ part: "migrations" }).info("x", { a: 1 });
  expect(JSON.parse(output())).toMatchObject({ part: "migrations", a: 1 });
});

test("fields beside a message with a % in it are written, and the message stays as it is", () => {
  const { logger, output } = capture();
  logger.info("100%done", { a: 1 });
  logger.info("100%done", {});
  logger.info("100%done");
  expect(output().match(/"message":"100%done".*/g)).toEqual([
    '"message":"100%done","service":"s","version":"1","a":1}',
    '"message":"100%done","service":"s","version":"1"}',
    '"message":"100%done","service":"s","version":"1"}',
  ]);
});

const boom = () =>
  Object.assign(new Error("boom", { cause: new TypeError("inner") }), { code: "E1", client: "hidden" });

test.each([
  ["by itself", "boom", (logger: ReturnType<typeof capture>["logger"]) => logger.error(boom())],
  ["beside a message", "failed boom", (logger: ReturnType<typeof capture>["logger"]) => logger.error("failed", boom())],
  [
    "as a message",
    "boom",
    (logger: ReturnType<typeof capture>["logger"]) => logger.log({ level: "error", message: boom() as never }),
  ],
])(
  "an error logged %s is written as its stack, code and causes, without its other properties",
  (_how, message, log) => {
    for (const format of ["json", "pretty"] as const) {
      const { logger, output } = capture({ format, colors: false });
      log(logger);
      const text = format === "json" ? String(JSON.parse(output()).stack) : output();
      expect(text).toMatch(/Error: boom\n {4}at (.|\n)*\[E1\]\ncaused by: TypeError: inner\n {4}at /);
      expect(output()).not.toContain("hidden");
      if (format === "json") expect(JSON.parse(output())).toMatchObject({ level: "error", message });
      else expect(output()).toMatch(new RegExp(`^\\S+ error ${message}\n`));
    }
  },
);

test("an error in a field is written in the same way", () => {
  for (const format of ["json", "pretty"] as const) {
    const { logger, output } = capture({ format, colors: false });
    logger.warn("failed", { reason: boom() });
    const text = format === "json" ? JSON.parse(output()).reason : output();
    expect(text).toMatch(/Error: boom\n {4}at (.|\n)*\[E1\]\ncaused by: TypeError: inner\n {4}at /);
    expect(text).not.toContain("hidden");
  }
});

test("secrets are masked by key and by kind, in the message, the fields, what is within them, and in stacks", () => {
  for (const format of ["json", "pretty"] as const) {
    const { logger, output } = capture({
      format,
      secretKeys: ["pin-code"],
      context: () => ({ session_token: "hunter2" }),
    });
    const url = "postgresql://ada:hunter2@db/users";
    logger.error(`cannot reach ${url}`, {
      url,
      Password: "hunter2",
      PIN_CODE: 1234,
      error: new Error(`Bearer hunter2hunter2`, { cause: new Error(`ada.hunter2@example.com`) }),
      nested: { "x-api-key": ["hunter2"], list: [{ text: "token=hunter2" }], "hunter2@example.com": 1 },
      headers: new Headers({ cookie: "hunter2", accept: "*/*" }),
    });
    expect(output()).not.toMatch(/hunter2|1234/);
    expect(output()).toContain("postgresql://ada:[redacted]@db/users");
    expect(output()).toContain("a***@example.com");
    expect(output()).toContain("*/*");
  }
});

test("pretty lines have texts as they are and all else as JSON, and neither service nor version", () => {
  const { logger, output } = capture({ format: "pretty", colors: false, context: () => ({ requestId: "r-1" }) });
  logger.info("facts", { text: 'a "b"', count: 1, flag: false, list: ["x"], nothing: null, missing: undefined });
  expect(output()).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} info facts text=a "b" count=1 flag=false list=\["x"\] nothing=null requestId=r-1\n$/,
  );
});

test.each([
  ["error", 31],
  ["warn", 33],
  ["info", 32],
  ["debug", 34],
] as const)("pretty level %s is coloured when colours are asked for", (level, color) => {
  const { logger, output } = capture({ format: "pretty", colors: true, level: "debug" });
  logger.log(level, "x");
  expect(output()).toContain(` ${ESCAPE}${color}m${level}${ESCAPE}39m x\n`);
});

test("json, and pretty lines that go to no terminal, are not coloured", () => {
  for (const format of ["json", "pretty"] as const) {
    const { logger, output } = capture({ format, output: { fd: -1 } });
    logger.info("x");
    expect(output()).not.toContain(ESCAPE);
  }
});

test("nothing that is logged acts on a terminal or looks like a second line", () => {
  const nasty = `a\n{"level":"error"}\r\t\u001b[2J\u009b2J\u2028\u202e\u0000\ud800`;
  for (const format of ["json", "pretty"] as const) {
    const { logger, output } = capture({ format, colors: false });
    logger.info(nasty, { [nasty]: nasty, list: [nasty], error: Object.assign(new Error(nasty), { stack: nasty }) });
    for (const acting of "\r\u001b\u009b\u2028\u202e\u0000\ud800") expect(output()).not.toContain(acting);
    // A stack may have lines; of everything else there is one.
    expect(output().trimEnd().split("\n")).toHaveLength(format === "json" ? 1 : 2);
    if (format === "json")
      expect(JSON.parse(output())).toMatchObject({ message: nasty, [nasty]: nasty, list: [nasty] });
  }
});

test("a line that is too long loses its last fields, and says so", () => {
  const { logger, output } = capture({ limits: { maxLineLength: 1_000 } });
  logger.info("x", Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`field${i}`, "value"])));
  expect(output().length).toBeLessThan(1_200);
  expect(JSON.parse(output())).toMatchObject({ field0: "value", truncated: true });
});

test("logging never throws, whatever is logged", () => {
  const throws = {
    get a(): never {
      throw new Error("no");
    },
  };
  const { logger, output } = capture();
  logger.info("getter", throws);
  logger.info("nested", { throws });
  logger.info(undefined as never, null as never);
  logger.info(Symbol("x") as never);
  logger.info({ a: 1 } as never);
  logger.log("info", 5n as never, 7 as never);
  const lines = output()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { message: "getter", fields: "[unreadable]" },
    { message: "nested", throws: { a: "[unreadable]" } },
    { message: "" },
    { message: "Symbol(x)" },
    { message: "[object]" },
    { message: "5" },
  ]);
});

test("whatever the message and the fields, a json line is one line and JSON", () => {
  const { logger, last } = capture();
  const check = (message: string, fields: unknown) => {
    logger.info(message, fields);
    const line = last();
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(JSON.parse(line)).toMatchObject({ level: "info", service: "s" });
  };
  const any = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  });
  fc.assert(fc.property(fc.string({ unit: "binary" }), any, check), { seed: 1, numRuns });
}, 60_000);

test("a logger writes to standard output unless it is told otherwise", () => {
  expect(() => createLogger({ service: "s", version: "1" })).not.toThrow();
});

test.each([
  ["a frozen error", Object.freeze(new Error("boom")), "boom"],
  ["a frozen object", Object.freeze({ message: "x" }), "x|object|unreadable"],
  [
    "an object whose message throws",
    {
      get message(): string {
        throw new Error("no");
      },
    },
    "object|unreadable",
  ],
])("%s, logged by itself, does not throw", (_what, value, expected) => {
  const { logger, output } = capture();
  logger.error(value as never);
  expect(output()).toMatch(new RegExp(expected));
});
