import { execFile } from "node:child_process";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import winston from "winston";
import { runInRequestContext } from "#internal/pkg/call/request-context.ts";
import { createLogger, type Logger, type LoggerOptions } from "./logger.ts";

/** What the fixture writes to its two outputs. */
function runFixture(format: LoggerOptions["format"]): Promise<{ stdout: string; stderr: string }> {
  const fixture = join(import.meta.dirname, "logger.fixture.ts");
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [fixture, format], (error, stdout, stderr) =>
      error ? reject(error) : resolve({ stdout, stderr }),
    );
  });
}

/** A logger whose lines are kept. */
function capture(options: Partial<LoggerOptions> = {}): { logger: Logger; output: () => string } {
  let output = "";
  const stream = new Writable({
    write(line, _encoding, done) {
      output += line;
      done();
    },
  });
  const logger = createLogger({ level: "info", format: "json", service: "s", version: "1", ...options });
  logger.clear().add(new winston.transports.Stream({ stream, eol: "\n" }));
  return { logger, output: () => output };
}

/** Lets standard output pass for a terminal, or not, until the test ends. */
function pretendTerminal(isTTY: boolean, noColor: string | undefined): void {
  const { stdout } = process;
  const before = Object.getOwnPropertyDescriptor(stdout, "isTTY");
  Object.defineProperty(stdout, "isTTY", { value: isTTY, configurable: true });
  vi.stubEnv("NO_COLOR", noColor);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    if (before) Object.defineProperty(stdout, "isTTY", before);
    else Reflect.deleteProperty(stdout, "isTTY");
  });
}

const ESCAPE = "\u001b[";

test("json lines go to standard output, an object each, errors included", async () => {
  const { stdout, stderr } = await runFixture("json");
  expect(stderr).toBe("");
  const lines = stdout.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: "info",
      message: "listening",
      service: "fixture",
      version: "1.2.3",
      port: 8080,
    },
    {
      timestamp: expect.any(String),
      level: "error",
      message: "unknown error",
      service: "fixture",
      version: "1.2.3",
      requestId: "r-1",
      error: expect.stringMatching(/^Error: boom\n {4}at .*logger\.fixture\.ts/),
    },
  ]);
});

test("pretty lines go to standard output, without colour when that is no terminal", async () => {
  const { stdout, stderr } = await runFixture("pretty");
  expect(stderr).toBe("");
  expect(stdout).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} info listening port=8080\n\S+ error unknown error error=Error: boom\n {4}at /,
  );
  expect(stdout).toContain(" requestId=r-1");
  expect(stdout).not.toContain(ESCAPE);
});

test.each([
  { isTTY: true, noColor: undefined, coloured: true },
  { isTTY: true, noColor: "", coloured: true },
  { isTTY: true, noColor: "1", coloured: false },
  { isTTY: false, noColor: undefined, coloured: false },
  { isTTY: false, noColor: "1", coloured: false },
])("pretty levels are coloured: $coloured, on a terminal: $isTTY, with NO_COLOR=$noColor", (row) => {
  pretendTerminal(row.isTTY, row.noColor);
  const { logger, output } = capture({ format: "pretty" });
  logger.info("listening");
  expect(output()).toMatch(row.coloured ? ` ${ESCAPE}32minfo${ESCAPE}39m listening\n` : / info listening\n$/);
  expect(output().includes(ESCAPE)).toBe(row.coloured);
});

test("json is never coloured", () => {
  pretendTerminal(true, undefined);
  const { logger, output } = capture({ format: "json" });
  logger.info("listening");
  expect(output()).not.toContain(ESCAPE);
  expect(JSON.parse(output())).toMatchObject({ level: "info" });
});

test.each([
  ["error", ["error"]],
  ["warn", ["error", "warn"]],
  ["info", ["error", "warn", "info"]],
  ["debug", ["error", "warn", "info", "debug"]],
])("at level %s these are written: %j", (level, written) => {
  const { logger, output } = capture({ level });
  for (const each of ["error", "warn", "info", "debug"]) logger.log(each, "x");
  expect(output().match(/(?<="level":")\w+/g)).toEqual(written);
});

test("a line on behalf of a request carries its id, any other none", () => {
  const { logger, output } = capture();
  logger.info("before");
  runInRequestContext({ requestId: "r-1" }, () => logger.info("within"));
  const [before, within] = output()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(before).not.toHaveProperty("requestId");
  expect(within).toMatchObject({ message: "within", requestId: "r-1" });
});

test("an error in a field is written with its stack and what caused it, in both formats", () => {
  pretendTerminal(false, undefined);
  for (const format of ["json", "pretty"] as const) {
    const { logger, output } = capture({ format });
    logger.warn("failed", { reason: new TypeError("outer", { cause: new Error("inner") }) });
    const text = format === "json" ? JSON.parse(output()).reason : output();
    expect(text).toMatch(/TypeError: outer\n {4}at /);
    expect(text).toMatch(/caused by: Error: inner\n +at /);
  }
});

test("of an error's own properties nothing but its code is written, since others can hold secrets", () => {
  pretendTerminal(false, undefined);
  const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED", client: { password: "hunter2" } });
  const { logger, output } = capture({ format: "json" });
  logger.warn("failed", { error: new AggregateError([refused], "no address answered") });
  expect(JSON.parse(output()).error).toMatch(
    /no address answered(.|\n)*caused by: Error: refused(.|\n)*\[ECONNREFUSED\]/,
  );
  expect(output()).not.toContain("hunter2");
});

test("an error that is logged by itself is written with its stack, in both formats", () => {
  pretendTerminal(false, undefined);
  const [json, pretty] = [capture({ format: "json" }), capture({ format: "pretty" })];
  json.logger.error(new Error("boom"));
  pretty.logger.error(new Error("boom"));
  expect(JSON.parse(json.output())).toMatchObject({ message: "boom", stack: expect.stringMatching(/^Error: boom\n/) });
  expect(pretty.output()).toMatch(/ error boom\nError: boom\n {4}at /);
});

test("a pretty line has texts as they are and all else as JSON", () => {
  pretendTerminal(false, undefined);
  const { logger, output } = capture({ format: "pretty" });
  logger.info("facts", { text: "a b", count: 1, flag: false, list: ["x"], nothing: null });
  expect(output()).toMatch(/ info facts text=a b count=1 flag=false list=\["x"\] nothing=null\n$/);
});

test("a message with line breaks and quotes stays one json line", () => {
  const { logger, output } = capture();
  logger.info('a "b"\n{"level":"error"}', { field: "c\nd" });
  expect(output().trimEnd().split("\n")).toHaveLength(1);
  expect(JSON.parse(output())).toMatchObject({ level: "info", message: 'a "b"\n{"level":"error"}', field: "c\nd" });
});
