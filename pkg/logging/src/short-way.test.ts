import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import winston from "winston";
import { capture } from "../test/capture.ts";
import { createLogger, flush, type LoggerOptions } from "./create-logger.ts";

/** A logger that writes to a file by its own transport, as in production: nothing stands between it and the line. */
function logToFile(options: Partial<LoggerOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "logging-"));
  const fd = openSync(join(folder, "lines"), "a");
  onTestFinished(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const logger = createLogger({ service: "s", version: "1", ...options, output: { fd } });
  return {
    logger,
    async output() {
      await flush(logger);
      return readFileSync(join(folder, "lines"), "utf8");
    },
  };
}

test("fields give the same line, whether it passes through winston's streams or not", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-01-02T03:04:05.006Z") });
  onTestFinished(() => void vi.useRealTimers());
  const context = () => ({ requestId: "r-1", zone: "a" });
  const [short, long] = [logToFile({ context }), capture({ context })];
  const keys = fc.constantFrom(
    "a",
    "message",
    "stack",
    "level",
    "timestamp",
    "service",
    "requestId",
    "zone",
    "password",
  );
  const values = fc.oneof(fc.string(), fc.jsonValue(), fc.constantFrom("r-1", "a", undefined, null, Number.NaN, 2n));
  fc.assert(
    fc.property(fc.string(), fc.dictionary(keys, values), (message, fields) => {
      short.logger.log("info", message, fields);
      long.logger.log("info", message, fields);
      short.logger.warn(message, fields);
      long.logger.warn(message, fields);
    }),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 20261121 },
  );
  expect(await short.output()).toBe(long.output());
  expect(long.output()).toContain("zone_");
});

test("by itself, a message with fields does not pass through winston's streams", async () => {
  const { logger, output } = logToFile();
  const write = vi.spyOn(logger, "write");
  logger.info("m", { a: 1 });
  logger.log("warn", "n", { a: 1 });
  expect(await output()).toMatch(/"m".*\n.*"n"/);
  expect(write).not.toHaveBeenCalled();
});

test.each(["has", "getPrototypeOf", "ownKeys", "getOwnPropertyDescriptor", "get"])(
  "fields that throw at %s cost their line's fields, and nothing else",
  async (trap) => {
    const { logger, output } = logToFile();
    const boom = () => {
      throw new Error("trap");
    };
    logger.log("info", "m", new Proxy({ a: 1 }, { [trap]: boom }));
    logger.info("n", new Proxy({ a: 1 }, { [trap]: boom }));
    expect((await output()).match(/"message":"."/g)).toEqual(['"message":"m"', '"message":"n"']);
  },
);

test.each([
  ["a child", (logger: winston.Logger) => logger.child({ part: "x" }).info("m", { a: 1 }), '"part":"x"'],
  ["default fields", (logger: winston.Logger) => log({ defaultMeta: { part: "x" } }, logger), '"part":"x"'],
  ["another format", (logger: winston.Logger) => log({ format: winston.format.simple() }, logger), "info: m"],
])("%s of winston's still have their effect", async (_what, act, expected) => {
  const { logger, output } = logToFile();
  act(logger);
  expect(await output()).toContain(expected);
});

function log(change: Partial<winston.Logger>, logger: winston.Logger): void {
  Object.assign(logger, change).info("m", { a: 1 });
}

test("whoever else reads the logger still gets every line, and a silent or ended logger writes none", async () => {
  const heard: unknown[] = [];
  const listened = logToFile();
  listened.logger.on("data", (info) => heard.push(info.message));
  listened.logger.info("m", { a: 1 });
  const second = capture();
  const both = logToFile();
  both.logger.add(new winston.transports.Stream({ stream: process.stderr, silent: true }));
  both.logger.info("m", { a: 1 });
  expect(heard).toEqual(["m"]);
  expect(await both.output()).toContain('"m"');
  expect(second.output()).toBe("");

  const silent = logToFile();
  silent.logger.silent = true;
  silent.logger.info("m", { a: 1 });
  expect(await silent.output()).toBe("");
});

test("lines below the level are not written", async () => {
  const { logger, output } = logToFile({ level: "warn" });
  logger.info("m", { a: 1 });
  logger.warn("n", { a: 1 });
  expect((await output()).match(/"message":"."/g)).toEqual(['"message":"n"']);
});
