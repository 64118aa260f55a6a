import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";

const MANY = 5_000;
const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));

/** Runs the fixture; resolves to the messages it wrote and how it ended. */
async function run(way: string, { count = MANY, readAfterMs = 0, through = "" } = {}) {
  const fixture = join(import.meta.dirname, "ends.fixture.ts");
  const args = [fixture, way, String(count)];
  const child = through
    ? spawn("bash", ["-c", `"$0" "$@" | ${through}`, process.execPath, ...args])
    : spawn(process.execPath, args);
  onTestFinished(() => void child.kill("SIGKILL"));
  const closed = once(child, "close");
  child.stderr.resume();
  await sleep(readAfterMs);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  const [code, signal] = await closed;
  const lines = output.split("\n");
  expect(lines.pop()).toBe("");
  return { messages: lines.map((line) => JSON.parse(line).message), end: code ?? signal };
}

test.each([
  ["by itself", 0],
  ["by process.exit", 7],
  ["by process.exit, before the first turn is over, with a long delay", 7],
  ["by an uncaught exception", 1],
  ["by an unhandled rejection", 1],
  ["by a listener of exit that logs", 0],
  ["by SIGTERM, handled", 7],
  ["by itself, over a pipe that does not block", 0],
])("every line arrives, whole and in order, when the process ends %s", async (way, end) => {
  await expect(run(way)).resolves.toEqual({ messages: numbers(MANY), end });
});

test("what the pipe has room for arrives when the process is killed, once the turn of the event loop is over", async () => {
  const count = 200;
  await expect(run("by SIGKILL, a turn later", { count })).resolves.toEqual({
    messages: numbers(count),
    end: "SIGKILL",
  });
});

test.each(["by process.exit", "by itself, over a pipe that does not block"])(
  "every line arrives when the reader is slow and the process ends %s",
  async (way) => {
    const { messages } = await run(way, { readAfterMs: 400 });
    expect(messages).toEqual(numbers(MANY));
  },
);

test("every line arrives through a shell's pipe whose reader is slow", async () => {
  const { messages } = await run("by process.exit", { through: "(sleep 0.3; cat)" });
  expect(messages).toEqual(numbers(MANY));
});

test("a reader that is gone does not end the process, nor hinder its end", async () => {
  const fixture = join(import.meta.dirname, "ends.fixture.ts");
  const child = spawn(process.execPath, [fixture, "never, until standard input says so", String(MANY)]);
  onTestFinished(() => void child.kill("SIGKILL"));
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  child.stdout.destroy();
  await once(child.stdout, "close");
  child.stdin.end("go\n");
  await expect(once(child, "close")).resolves.toEqual([0, null]);
  expect(errors).toBe("");
});
