import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runJob } from "../src/run-job.ts";

const exit = vi.fn();
type Listener = (name: string, number: number) => void;
const listenersOf = (name: "SIGTERM" | "SIGINT") => process.listeners(name) as Listener[];
const before = listenersOf("SIGTERM");
const beforeInt = listenersOf("SIGINT");

function sendSignal(name: "SIGTERM" | "SIGINT", number: number): void {
  const known = name === "SIGTERM" ? before : beforeInt;
  for (const listener of listenersOf(name)) if (!known.includes(listener)) listener(name, number);
}

beforeEach(() => {
  vi.spyOn(process, "exit").mockImplementation(exit as never);
});
afterEach(() => {
  vi.restoreAllMocks();
  exit.mockReset();
  expect(listenersOf("SIGTERM")).toEqual(before);
  expect(listenersOf("SIGINT")).toEqual(beforeInt);
});

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });

test("resolves and rejects as its job does", async () => {
  await runJob(async () => {});
  await expect(runJob(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(exit).not.toHaveBeenCalled();
});

test.each([
  ["SIGTERM", 15, 143],
  ["SIGINT", 2, 130],
] as const)("%s ends the job, and the process with a code that says it is not done", async (name, number, code) => {
  const running = runJob(untilAborted);
  sendSignal(name, number);
  await running;
  expect(exit).toHaveBeenCalledExactlyOnceWith(code);
});

test("a job that is done before it notices the signal is done", async () => {
  const done = Promise.withResolvers<void>();
  const running = runJob(() => done.promise);
  sendSignal("SIGTERM", 15);
  done.resolve();
  await running;
  expect(exit).not.toHaveBeenCalled();
});

test("what fails while the job ends is its error", async () => {
  const failing = (signal: AbortSignal) => untilAborted(signal).catch(() => Promise.reject(new Error("broken")));
  const running = runJob(failing);
  sendSignal("SIGTERM", 15);
  await expect(running).rejects.toThrow("broken");
});

test("a second signal ends the process at once", async () => {
  const done = Promise.withResolvers<void>();
  const running = runJob(() => done.promise);
  sendSignal("SIGTERM", 15);
  expect(exit).not.toHaveBeenCalled();
  sendSignal("SIGINT", 2);
  expect(exit).toHaveBeenCalledExactlyOnceWith(130);
  done.resolve();
  await running;
});
