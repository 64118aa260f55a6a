import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createReadiness } from "./readiness.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const DOWN = new Error("the database is down");

/** Readiness that is not damped, whose check succeeds while `healthy`, and the changes it has told of. */
function setUp({ healthy = true, unreadyAfterFailures = 1, readyAfterSuccesses = 1 } = {}) {
  const state = { healthy, checks: 0 };
  const changes: unknown[] = [];
  const readiness = createReadiness({
    async check() {
      state.checks += 1;
      if (!state.healthy) throw DOWN;
    },
    intervalMs: 1_000,
    timeoutMs: 500,
    unreadyAfterFailures,
    readyAfterSuccesses,
    onChange: (ready, reason) => changes.push([ready, reason]),
  });
  return { readiness, state, changes };
}

test("is not ready before it is started", () => {
  expect(setUp().readiness.isReady()).toBe(false);
});

test("is ready once the first check has succeeded", async () => {
  const { readiness, changes } = setUp();
  await readiness.start();
  expect(readiness.isReady()).toBe(true);
  expect(changes).toEqual([[true, undefined]]);
});

test("starts although the first check fails, and is ready as soon as a later one succeeds", async () => {
  const { readiness, state, changes } = setUp({ healthy: false });
  await readiness.start();
  expect(readiness.isReady()).toBe(false);
  state.healthy = true;
  await vi.advanceTimersByTimeAsync(999);
  expect(readiness.isReady()).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(readiness.isReady()).toBe(true);
  expect(changes).toEqual([[true, undefined]]);
});

test("tells of each change once, with the reason, however many checks agree", async () => {
  const { readiness, state, changes } = setUp();
  await readiness.start();
  await vi.advanceTimersByTimeAsync(3_000);
  state.healthy = false;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(readiness.isReady()).toBe(false);
  state.healthy = true;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(changes).toEqual([
    [true, undefined],
    [false, DOWN],
    [true, undefined],
  ]);
  expect(state.checks).toBe(10);
});

test("a check without an answer fails when its time is over, and the next one begins after the pause", async () => {
  const check = vi.fn(() => new Promise<void>(() => {}));
  const changes: unknown[] = [];
  const readiness = createReadiness({
    check: vi.fn().mockResolvedValueOnce(undefined).mockImplementation(check),
    intervalMs: 1_000,
    timeoutMs: 500,
    unreadyAfterFailures: 1,
    onChange: (ready, reason) => changes.push([ready, String(reason)]),
  });
  await readiness.start();
  await vi.advanceTimersByTimeAsync(1_499);
  expect(readiness.isReady()).toBe(true);
  await vi.advanceTimersByTimeAsync(1);
  expect(changes.at(-1)).toEqual([false, "Error: no answer within 500 ms"]);
  await vi.advanceTimersByTimeAsync(999);
  expect(check).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(1);
  expect(check).toHaveBeenCalledTimes(2);
});

describe("damped, as it is by default", () => {
  const damped = () => setUp({ unreadyAfterFailures: 3, readyAfterSuccesses: 2 });

  async function play({ state }: ReturnType<typeof setUp>, checks: string): Promise<void> {
    for (const check of checks) {
      state.healthy = check === "+";
      await vi.advanceTimersByTimeAsync(1_000);
    }
  }

  test("it stays ready while fewer than three checks in a row fail", async () => {
    const all = damped();
    await all.readiness.start();
    await play(all, "-+--+-+--+--");
    expect(all.changes).toEqual([[true, undefined]]);
  });

  test("it is not ready after the third failure in a row, and ready again after the second success in a row", async () => {
    const all = damped();
    await all.readiness.start();
    await play(all, "--");
    expect(all.readiness.isReady()).toBe(true);
    await play(all, "-");
    expect(all.readiness.isReady()).toBe(false);
    await play(all, "+-+-+");
    expect(all.readiness.isReady()).toBe(false);
    await play(all, "+");
    expect(all.readiness.isReady()).toBe(true);
    expect(all.changes).toEqual([
      [true, undefined],
      [false, DOWN],
      [true, undefined],
    ]);
  });

  test("these are the defaults", async () => {
    const check = vi.fn().mockResolvedValueOnce(undefined).mockRejectedValue(DOWN);
    const changes: unknown[] = [];
    const onChange = (ready: boolean) => changes.push(ready);
    const readiness = createReadiness({ check, intervalMs: 1_000, timeoutMs: 500, onChange });
    await readiness.start();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(changes).toEqual([true]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changes).toEqual([true, false]);
    check.mockResolvedValue(undefined);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changes).toEqual([true, false]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changes).toEqual([true, false, true]);
  });
});

test("is not ready once stopped, and checks no more", async () => {
  const { readiness, state, changes } = setUp();
  await readiness.start();
  readiness.stop();
  expect(readiness.isReady()).toBe(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(state.checks).toBe(1);
  expect(changes).toEqual([
    [true, undefined],
    [false, "stopping"],
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  ["succeeds", (): Promise<void> => Promise.resolve()],
  ["fails", (): Promise<void> => Promise.reject(DOWN)],
])("stays not ready when it is stopped during a check that %s", async (_how, end) => {
  const checked = Promise.withResolvers<void>();
  const changes: unknown[] = [];
  const readiness = createReadiness({
    check: () => checked.promise.then(end),
    intervalMs: 1_000,
    timeoutMs: 500,
    onChange: (ready) => changes.push(ready),
  });
  const started = readiness.start();
  readiness.stop();
  checked.resolve();
  await started;
  expect(readiness.isReady()).toBe(false);
  expect(changes).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test("says nothing when it is stopped and was not ready", async () => {
  const { readiness, changes } = setUp({ healthy: false });
  await readiness.start();
  readiness.stop();
  readiness.stop();
  expect(changes).toEqual([]);
});
