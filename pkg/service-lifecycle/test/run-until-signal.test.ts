import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { runUntilSignal } from "./run-until-signal.ts";

interface Program {
  readonly child: ChildProcess;
  /** What it has said so far. */
  readonly steps: () => string[];
  /** Resolves when it has said `step`. */
  said(step: string): Promise<void>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
}

/** Runs the fixture as a process; it is killed when the test ends. */
function run(start: "at-once" | "when-told" | "fails", close: "at-once" | "never" = "at-once"): Program {
  const child = spawn(process.execPath, [join(import.meta.dirname, "run-until-signal.fixture.ts"), start, close]);
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  child.stderr.resume();
  const steps = () => output.split("\n").slice(0, -1);
  return {
    child,
    steps,
    async said(step) {
      while (!steps().includes(step)) await once(child.stdout, "data");
    },
    ended: once(child, "close").then(([code, signal]) => code ?? signal),
  };
}

test.each(["SIGTERM", "SIGINT"] as const)("%s closes a running app, and the process ends with 0", async (signal) => {
  const { child, said, ended, steps } = run("at-once");
  await said("started");
  child.kill(signal);
  await expect(ended).resolves.toBe(0);
  expect(steps()).toEqual(["starting", "started", "closing", "closed", "done"]);
});

test.each([
  ["SIGTERM", "SIGTERM", 143],
  ["SIGTERM", "SIGINT", 130],
  ["SIGINT", "SIGINT", 130],
  ["SIGINT", "SIGTERM", 143],
] as const)("%s and then %s, while it still closes, ends the process at once with %i", async (first, second, code) => {
  const { child, said, ended, steps } = run("at-once", "never");
  await said("started");
  child.kill(first);
  await said("closing");
  child.kill(second);
  await expect(ended).resolves.toBe(code);
  expect(steps()).toEqual(["starting", "started", "closing"]);
});

test("a signal while the app starts closes it as soon as it has started", async () => {
  const { child, said, ended, steps } = run("when-told");
  await said("starting");
  child.kill("SIGTERM");
  child.stdin?.write("start\n");
  await expect(ended).resolves.toBe(0);
  expect(steps()).toEqual(["starting", "started", "closing", "closed", "done"]);
});

test("a second signal while the app starts ends the process at once", async () => {
  const { child, said, ended, steps } = run("when-told");
  await said("starting");
  child.kill("SIGTERM");
  child.kill("SIGINT");
  await expect(ended).resolves.toBeOneOf([130, 143]);
  expect(steps()).toEqual(["starting"]);
});

test("an app that cannot start is closed, and its error ends the process", async () => {
  const { ended, steps } = run("fails");
  await expect(ended).resolves.toBe(1);
  expect(steps()).toEqual(["starting", "closing", "closed"]);
});

// What processes of their own have shown, again in this one.
const SIGNALS = ["SIGTERM", "SIGINT"] as const;
const listenersBefore = SIGNALS.map((signal) => process.listeners(signal));

afterEach(() => {
  SIGNALS.forEach((signal, index) => {
    for (const listener of process.listeners(signal)) {
      if (!listenersBefore[index]?.includes(listener)) process.off(signal, listener);
    }
  });
});

test("called, it resolves when the app has closed after the first signal, and exits at the second", async () => {
  const exit = vi.spyOn(process, "exit").mockImplementation(() => undefined as never);
  onTestFinished(() => exit.mockRestore());
  const closed = Promise.withResolvers<void>();
  const app = { start: vi.fn(async () => {}), close: vi.fn(() => closed.promise) };
  const running = runUntilSignal(app);
  expect(app.close).not.toHaveBeenCalled();
  process.emit("SIGTERM", "SIGTERM");
  await vi.waitFor(() => expect(app.close).toHaveBeenCalledOnce());
  expect(exit).not.toHaveBeenCalled();
  process.emit("SIGINT", "SIGINT");
  expect(exit).toHaveBeenCalledOnce();
  closed.resolve();
  await running;
});

test("called with an app that cannot start, it closes the app and rejects with the app's error", async () => {
  const error = new Error("cannot start");
  const app = { start: () => Promise.reject(error), close: vi.fn(async () => {}) };
  await expect(runUntilSignal(app)).rejects.toBe(error);
  expect(app.close).toHaveBeenCalledOnce();
});
