import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import winston from "winston";
import { BatchTransport, type BatchTransportOptions } from "./batch-transport.ts";
import { createLogger, flush } from "./create-logger.ts";

function createFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "logging-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A file, and a logger that writes to it. */
function logToFile(options: BatchTransportOptions = {}) {
  const path = join(createFolder(), "lines");
  const fd = openSync(path, "a");
  onTestFinished(() => closeSync(fd));
  const logger = createLogger({ service: "s", version: "1", output: { ...options, fd } });
  return { logger, lines: () => messagesOf(readFileSync(path, "utf8")) };
}

/** A pipe that does not block and that nobody empties unless told to, and a logger that writes to it. */
function logToPipe(options: BatchTransportOptions = {}) {
  const path = join(createFolder(), "pipe");
  execFileSync("mkfifo", [path]);
  const openReader = () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let reader = openReader();
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(fd));
  const logger = createLogger({ service: "s", version: "1", output: { ...options, fd } });
  const buffer = Buffer.alloc(1024 * 1024);
  return {
    logger,
    /** What is in the pipe; empties it. */
    read: () => buffer.toString("utf8", 0, readSync(reader, buffer)),
    close: () => closeSync(reader),
    reopen() {
      reader = openReader();
    },
  };
}

function messagesOf(output: string): unknown[] {
  return output
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line).message);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));

test("the lines of a turn of the event loop are written together, when it is over", async () => {
  const { logger, lines } = logToFile();
  logger.info("a");
  logger.info("b");
  expect(lines()).toEqual([]);
  await turn();
  expect(lines()).toEqual(["a", "b"]);
});

test("with a delay they wait that long, and flush does not", async () => {
  const { logger, lines } = logToFile({ maxDelayMs: 60_000 });
  logger.info("a");
  await turn();
  expect(lines()).toEqual([]);
  await flush(logger);
  expect(lines()).toEqual(["a"]);
  const soon = logToFile({ maxDelayMs: 1 });
  soon.logger.info("b");
  await expect.poll(soon.lines).toEqual(["b"]);
});

test("an error is written at once, with all before it", () => {
  const { logger, lines } = logToFile();
  logger.info("a");
  logger.error("b");
  expect(lines()).toEqual(["a", "b"]);
});

test("a full batch is written at once", () => {
  const { logger, lines } = logToFile({ maxBatchLength: 1_000 });
  for (const each of numbers(100)) logger.info(each);
  expect(lines().length).toBeGreaterThan(80);
});

test("ending the logger, and taking its transport away, writes what waits", async () => {
  const [ended, cleared] = [logToFile(), logToFile()];
  ended.logger.info("a");
  await new Promise((resolve) => ended.logger.on("finish", resolve).end());
  expect(ended.lines()).toEqual(["a"]);
  cleared.logger.info("b");
  cleared.logger.clear();
  expect(cleared.lines()).toEqual(["b"]);
});

test("flush passes over what is no batch transport", async () => {
  const { logger } = logToFile();
  logger.add(new winston.transports.Console({ silent: true }));
  await expect(flush(logger)).resolves.toBeUndefined();
});

test("a slow reader gets all lines whole and in order, and nobody waits for it", async () => {
  const { logger, read } = logToPipe();
  const started = performance.now();
  for (const each of numbers(5_000)) logger.info(each);
  const flushed = flush(logger);
  expect(performance.now() - started).toBeLessThan(5_000);
  let output = "";
  const reading = (async () => {
    while (messagesOf(output).length < 5_000) {
      await turn();
      try {
        output += read();
      } catch {
        // Empty for now.
      }
    }
  })();
  await flushed;
  await reading;
  expect(messagesOf(output)).toEqual(numbers(5_000));
});

test("with `drop`, what a reader is too slow for is lost, counted and told", async () => {
  const { logger, read } = logToPipe({ whenFull: "drop", maxPendingBytes: 10_000, maxBatchLength: 1_000 });
  for (const each of numbers(3_000)) logger.info(each);
  let output = read();
  await expect
    .poll(() => {
      output += read();
      return output;
    })
    .toContain("log lines were lost");
  const messages = messagesOf(output);
  const kept = messages.filter((message) => message !== "log lines were lost");
  expect(kept).toEqual(numbers(3_000).filter((each) => kept.includes(each)));
  expect(kept.slice(0, 100)).toEqual(numbers(100));
  expect(output).toMatch(new RegExp(`"message":"log lines were lost".*"lines":${3_000 - kept.length},"reason":"FULL"`));
});

test("with `block`, memory stays bounded: the logger waits until the reader has taken enough", async () => {
  const { logger, read } = logToPipe({ maxPendingBytes: 10_000 });
  let output = "";
  // Stands for a reader in another process, which goes on while this one waits.
  const wait = vi.spyOn(Atomics, "wait").mockImplementation(() => {
    output += read();
    return "timed-out";
  });
  onTestFinished(() => wait.mockRestore());
  for (const each of numbers(3_000)) logger.info(each);
  expect(wait).toHaveBeenCalled();
  const [transport] = logger.transports;
  if (transport instanceof BatchTransport) transport.flushSync();
  try {
    output += read();
  } catch {
    // Empty: it was read while flushing.
  }
  expect(messagesOf(output)).toEqual(numbers(3_000));
});

test("flushSync gives up on a reader that takes nothing", () => {
  const { logger } = logToPipe({ exitTimeoutMs: 20 });
  for (const each of numbers(1_000)) logger.info(each);
  const [transport] = logger.transports;
  const started = performance.now();
  if (transport instanceof BatchTransport) transport.flushSync();
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("a reader that goes costs its lines and nothing else; one that comes again reads whole lines", async () => {
  const { logger, read, close, reopen } = logToPipe();
  logger.error("first");
  expect(messagesOf(read())).toEqual(["first"]);
  // More than the pipe holds: a line is written in part when the reader goes.
  for (const each of numbers(2_000)) logger.info(each);
  close();
  await flush(logger);
  logger.info("to nobody");
  await flush(logger);
  reopen();
  const before = read().split("\n");
  const torn = before.pop() ?? "";
  expect(before.map((line) => JSON.parse(line).message)).toEqual(numbers(before.length));
  expect(torn).toMatch(/^\{"t/);
  logger.error("back");
  await turn();
  const [rest, ...after] = read().split("\n").slice(0, -1);
  expect(rest).toBe("");
  expect(after.map((line) => JSON.parse(line))).toMatchObject([
    { message: "back" },
    { message: "log lines were lost", reason: "EPIPE", lines: 2_000 - before.length + 1 },
  ]);
});

test("a descriptor that is none loses lines and throws nothing", async () => {
  const logger = createLogger({ service: "s", version: "1", output: { fd: 1_000_000 } });
  logger.error("x");
  await flush(logger);
});
