import { expect, onTestFinished, test, vi } from "vitest";
import { waitFor } from "./wait-for.ts";

const REFUSED = new Error("refused");
const STARTING = new Error("starting");
const OPTIONS = { timeoutMs: 60_000, intervalMs: 5 };

test("resolves with the first attempt that does, and says nothing", async () => {
  const attempt = vi.fn(async () => {});
  const onWaiting = vi.fn();
  await waitFor(attempt, { ...OPTIONS, onWaiting });
  expect(attempt).toHaveBeenCalledOnce();
  expect(onWaiting).not.toHaveBeenCalled();
});

test("tries again until an attempt resolves, and tells each reason once", async () => {
  const attempt = vi
    .fn()
    .mockRejectedValueOnce(REFUSED)
    .mockRejectedValueOnce(REFUSED)
    .mockRejectedValueOnce(STARTING)
    .mockResolvedValueOnce(undefined);
  const reasons: unknown[] = [];
  await waitFor(attempt, { ...OPTIONS, onWaiting: (error) => reasons.push(error) });
  expect(attempt).toHaveBeenCalledTimes(4);
  expect(reasons).toEqual([REFUSED, STARTING]);
});

test("tells a reason again when it has lasted", async () => {
  const waited: number[] = [];
  const enough = new AbortController();
  const waiting = waitFor(() => Promise.reject(REFUSED), {
    ...OPTIONS,
    reminderMs: 40,
    signal: enough.signal,
    onWaiting(_error, waitedMs) {
      if (waited.push(waitedMs) === 3) enough.abort(STARTING);
    },
  });
  await expect(waiting).rejects.toBe(STARTING);
  const [first = 0, second = 0, third = 0] = waited;
  expect(second - first).toBeGreaterThanOrEqual(40);
  expect(third - second).toBeGreaterThanOrEqual(40);
});

test("rejects with the last reason when the time is over", async () => {
  const options = { timeoutMs: 200, intervalMs: 5 };
  const started = performance.now();
  await expect(waitFor(() => Promise.reject(REFUSED), options)).rejects.toBe(REFUSED);
  expect(performance.now() - started).toBeGreaterThan(options.timeoutMs - 2 * options.intervalMs);
});

test("an attempt without an answer has the time that is left", async () => {
  await expect(waitFor(() => new Promise(() => {}), { timeoutMs: 20 })).rejects.toThrow("no answer within 20 ms");
  const attempt = vi.fn(() => new Promise<void>(() => {})).mockRejectedValueOnce(REFUSED);
  await expect(waitFor(attempt, { timeoutMs: 40, intervalMs: 5 })).rejects.toBe(REFUSED);
});

test("without a time there is one attempt, which may take its own", async () => {
  const attempt = vi.fn(() => new Promise<void>((resolve) => setTimeout(resolve, 20)));
  await waitFor(attempt, { timeoutMs: 0 });
  attempt.mockRejectedValue(REFUSED);
  await expect(waitFor(attempt, { timeoutMs: 0 })).rejects.toBe(REFUSED);
  expect(attempt).toHaveBeenCalledTimes(2);
});

test("what waiting cannot mend is thrown at once", async () => {
  const attempt = vi.fn().mockRejectedValueOnce(REFUSED).mockRejectedValueOnce(STARTING);
  const waiting = waitFor(attempt, { ...OPTIONS, isTransient: (error) => error === REFUSED });
  await expect(waiting).rejects.toBe(STARTING);
  expect(attempt).toHaveBeenCalledTimes(2);
});

test("the signal ends a pause, an attempt, and what has not begun, with its reason", async () => {
  const reason = new Error("stop");
  const pausing = new AbortController();
  const pause = waitFor(() => Promise.reject(REFUSED), {
    timeoutMs: 60_000,
    intervalMs: 10_000,
    signal: pausing.signal,
    onWaiting: () => pausing.abort(reason),
  });
  await expect(pause).rejects.toBe(reason);

  const trying = new AbortController();
  const attempt = () => {
    trying.abort(reason);
    return new Promise(() => {});
  };
  await expect(waitFor(attempt, { timeoutMs: 60_000, signal: trying.signal })).rejects.toBe(reason);

  const never = vi.fn();
  await expect(waitFor(never, { timeoutMs: 60_000, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(never).not.toHaveBeenCalled();
});

test("nothing keeps the process once the wait is over", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = waitFor(() => promise, { timeoutMs: 60_000 });
  expect(vi.getTimerCount()).toBe(1);
  resolve();
  await waiting;
  expect(vi.getTimerCount()).toBe(0);
});
