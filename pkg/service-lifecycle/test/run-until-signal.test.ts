import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type Runnable, runUntilSignal } from "../src/run-until-signal.ts";

interface Program {
  readonly child: ChildProcess;
  /** What it has said so far. */
  readonly steps: () => string[];
  /** Resolves when it has said `step`. */
  said(step: string): Promise<void>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  readonly errors: () => string;
}

type Start = "at-once" | "when-told" | "until-aborted" | "fails" | "troubled";
type Close = "at-once" | "never" | "when-told" | "fails" | "troubled";
type Trouble = "none" | "exception" | "rejection" | "flood" | "unreported";

/** Runs the fixture as a process; it is killed when the test ends. */
function run(start: Start, close: Close = "at-once", trouble: Trouble = "none"): Program {
  const fixture = join(import.meta.dirname, "run-until-signal.fixture.ts");
  const child = spawn(process.execPath, [fixture, start, close, trouble]);
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  child.stderr.on("data", (text) => {
    errors += text;
  });
  const steps = () => output.split("\n").slice(0, -1);
  return {
    child,
    steps,
    async said(step) {
      while (!steps().includes(step)) await once(child.stdout, "data");
    },
    ended: once(child, "close").then(([code, signal]) => code ?? signal),
    errors: () => errors,
  };
}

describe("signals", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("%s closes a running app, and the process ends with 0", async (signal) => {
    const { child, said, ended, steps, errors } = run("at-once");
    await said("started");
    child.kill(signal);
    await expect(ended).resolves.toBe(0);
    expect(steps()).toEqual(["starting", "started", "closing", "closed"]);
    expect(errors()).toBe("");
  });

  test.each([
    ["SIGTERM", "SIGTERM", 143],
    ["SIGTERM", "SIGINT", 130],
    ["SIGINT", "SIGINT", 130],
    ["SIGINT", "SIGTERM", 143],
  ] as const)(
    "%s and then %s, while it still closes, ends the process at once with %i",
    async (first, second, code) => {
      const { child, said, ended, steps } = run("at-once", "when-told");
      await said("started");
      child.kill(first);
      await said("closing");
      child.kill(second);
      await expect(ended).resolves.toBe(code);
      expect(steps()).toEqual(["starting", "started", "closing"]);
    },
  );

  test("while the app starts, the first one ends the start", async () => {
    const { child, said, ended, steps } = run("until-aborted");
    await said("starting");
    child.kill("SIGTERM");
    await expect(ended).resolves.toBe(0);
    expect(steps()).toEqual(["starting", "closing", "closed"]);
  });

  test("while the app starts and takes no notice, the first one closes it once it has started", async () => {
    const { child, said, ended, steps } = run("when-told");
    await said("starting");
    child.kill("SIGTERM");
    child.stdin?.write("start\n");
    await expect(ended).resolves.toBe(0);
    expect(steps()).toEqual(["starting", "started", "closing", "closed"]);
  });

  test("a second one while the app starts ends the process at once", async () => {
    const { child, said, ended, steps } = run("when-told");
    await said("starting");
    child.kill("SIGTERM");
    child.kill("SIGINT");
    await expect(ended).resolves.toBeOneOf([130, 143]);
    expect(steps()).toEqual(["starting"]);
  });
});

describe("trouble", () => {
  test("an app that cannot start is closed, and its error is thrown", async () => {
    const { ended, steps } = run("fails");
    await expect(ended).resolves.toBe(1);
    expect(steps()).toEqual(["starting", "closing", "closed", "failed: Error: cannot start"]);
  });

  test.each([
    ["exception", "fatal: uncaught exception: Error: nobody catches this"],
    ["rejection", "fatal: unhandled rejection: Error: nobody awaits this"],
  ] as const)("an %s that nobody handles is reported once, and the app closed: 70", async (trouble, report) => {
    const { ended, steps, errors } = run("at-once", "at-once", trouble);
    await expect(ended).resolves.toBe(70);
    expect(steps()).toEqual(["starting", "started", report, "closing", "closed"]);
    expect(errors()).toBe("");
  });

  test("while the app starts it ends the start: 70", async () => {
    const { ended, steps } = run("troubled", "at-once", "rejection");
    await expect(ended).resolves.toBe(70);
    expect(steps().slice(1)).toEqual([
      "fatal: unhandled rejection: Error: nobody awaits this",
      "started",
      "closing",
      "closed",
    ]);
  });

  test("while the app closes it is reported too, and the app closed to the end: 70", async () => {
    const { child, said, ended, steps } = run("at-once", "troubled");
    await said("started");
    child.kill("SIGTERM");
    await expect(ended).resolves.toBe(70);
    expect(steps().slice(2)).toEqual(["closing", "fatal: unhandled rejection: Error: while it closes", "closed"]);
  });

  test("and then a signal does not end the process at once, a second one does", async () => {
    const { child, said, ended, steps } = run("at-once", "when-told", "exception");
    await said("closing");
    child.kill("SIGTERM");
    await said("heard SIGTERM");
    child.kill("SIGINT");
    await expect(ended).resolves.toBe(130);
    expect(steps().slice(-2)).toEqual(["heard SIGTERM", "heard SIGINT"]);
  });

  test("without end is not reported without end", async () => {
    const { ended, steps } = run("at-once", "at-once", "flood");
    await expect(ended).resolves.toBe(70);
    expect(steps().filter((step) => step.startsWith("fatal"))).toHaveLength(10);
  });

  test("that cannot be reported goes to standard error", async () => {
    const { child, said, ended, errors } = run("at-once", "fails", "unreported");
    await said("started");
    child.kill("SIGTERM");
    await expect(ended).resolves.toBe(70);
    expect(errors()).toMatch(
      /^closing failed: Error: cannot close\n[\s\S]*could not be reported: Error: the log is gone\n/,
    );
  });

  test("of closing is reported: 70", async () => {
    const { child, said, ended, steps } = run("at-once", "fails");
    await said("started");
    child.kill("SIGTERM");
    await expect(ended).resolves.toBe(70);
    expect(steps().slice(2)).toEqual(["closing", "fatal: closing failed: Error: cannot close"]);
  });

  test.each(["at-once", "fails"] as const)("closing that never ends is cut: 70 (start: %s)", async (start) => {
    const { child, said, ended, steps } = run(start, "never");
    if (start === "at-once") await said("started");
    if (start === "at-once") child.kill("SIGTERM");
    await expect(ended).resolves.toBe(70);
    expect(steps().slice(-2)).toEqual(["closing", "fatal: closing took too long: undefined"]);
  });

  test("a log that nobody reads any more ends the process", async () => {
    const { child, said, ended } = run("at-once", "when-told", "none");
    await said("started");
    child.stdout?.destroy();
    child.kill("SIGTERM"); // What it says now breaks the pipe, and so does every report of that.
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.stdin?.write("close\n");
    await expect(ended).resolves.toBe(70);
  });
});

// What processes of their own have shown, again in this one.
const EVENTS = ["SIGTERM", "SIGINT", "uncaughtException", "unhandledRejection"] as const;
type Listener = (...args: unknown[]) => void;
const listenersOf = (event: string) => process.listeners(event as "SIGTERM") as unknown as Listener[];
const listenersBefore = EVENTS.map(listenersOf);
function newListener(event: (typeof EVENTS)[number]): Listener {
  const known = listenersBefore[EVENTS.indexOf(event)];
  const listener = listenersOf(event).find((each) => !known?.includes(each));
  if (!listener) throw new Error(`nobody has begun to listen to ${event}`);
  return listener;
}

describe("called", () => {
  const exit = vi.fn();

  beforeEach(() => {
    vi.spyOn(process, "exit").mockImplementation(exit as never);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    exit.mockReset();
    for (const event of EVENTS) process.off(event, newListener(event));
  });

  const app = (overrides: Partial<Runnable> = {}) => ({
    start: vi.fn(async (_signal: AbortSignal): Promise<unknown> => undefined),
    close: vi.fn(async () => {}),
    closeTimeoutMs: 5_000,
    onFatal: vi.fn(),
    ...overrides,
  });

  test("it closes the app at the first signal and exits with 0; at the second it exits at once", async () => {
    const closed = Promise.withResolvers<void>();
    const close = vi.fn(() => closed.promise);
    const running = runUntilSignal(app({ close }));
    expect(close).not.toHaveBeenCalled();
    newListener("SIGTERM")("SIGTERM", 15);
    await expect.poll(() => close.mock.calls.length).toBe(1);
    expect(exit).not.toHaveBeenCalled();
    newListener("SIGINT")("SIGINT", 2);
    expect(exit).toHaveBeenCalledExactlyOnceWith(130);
    closed.resolve();
    await running;
    expect(exit).toHaveBeenLastCalledWith(0);
  });

  test("with an app that cannot start, it closes the app and rejects with the app's error", async () => {
    const error = new Error("cannot start");
    const broken = app({ start: () => Promise.reject(error) });
    await expect(runUntilSignal(broken)).rejects.toBe(error);
    expect(broken.close).toHaveBeenCalledOnce();
    expect(exit).not.toHaveBeenCalled();
  });

  test("with an app that ends its start, it exits with 0", async () => {
    const start = (signal: AbortSignal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    const running = runUntilSignal(app({ start }));
    newListener("SIGTERM")("SIGTERM", 15);
    await running;
    expect(exit).toHaveBeenCalledExactlyOnceWith(0);
  });

  test.each(["uncaughtException", "unhandledRejection"] as const)("it exits with 70 after an %s", async (event) => {
    const troubled = app();
    const running = runUntilSignal(troubled);
    const error = new Error("trouble");
    for (let i = 0; i < 20; i += 1) newListener(event)(error);
    await running;
    expect(troubled.onFatal).toHaveBeenCalledTimes(10);
    expect(troubled.onFatal).toHaveBeenCalledWith(expect.stringMatching(/^un/), error);
    expect(exit).toHaveBeenCalledExactlyOnceWith(70);
  });

  test("it exits with 70 when closing fails or takes too long, and says so on standard error where nobody else can", async () => {
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const onFatal = () => {
      throw "the log is gone";
    };
    const close = () => Promise.reject(Object.assign(new Error("no stack"), { stack: undefined }));
    const running = runUntilSignal(app({ close, onFatal }));
    newListener("SIGTERM")("SIGTERM", 15);
    await running;
    expect(exit).toHaveBeenLastCalledWith(70);
    expect(stderr).toHaveBeenCalledExactlyOnceWith(
      "closing failed: no stack\nwhich could not be reported: the log is gone\n",
    );
  });

  test("it exits with 70 when closing takes too long", async () => {
    const closed = Promise.withResolvers<void>();
    const slow = app({ close: () => closed.promise, closeTimeoutMs: 5 });
    const running = runUntilSignal(slow);
    newListener("SIGTERM")("SIGTERM", 15);
    await expect.poll(() => exit.mock.calls).toEqual([[70]]);
    expect(slow.onFatal).toHaveBeenCalledExactlyOnceWith("closing took too long", undefined);
    closed.resolve();
    await running;
  });
});
