import { performance } from "node:perf_hooks";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Expiring, RunningCalls } from "./running-calls.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 200), seed: 20261121 };
const DAY_MS = 86_400_000;

class Item implements Expiring {
  readonly expiresMs: number;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  hasExpired = false;
  firedMs: number[] = [];

  constructor(delayMs: number) {
    this.expiresMs = performance.now() + delayMs;
  }

  expire(): void {
    this.firedMs.push(performance.now());
  }
}

// Vitest's clock replaces the global `performance`, not that of node:perf_hooks: it goes with the faked Date here.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  vi.spyOn(performance, "now").mockImplementation(() => Date.now());
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test("a deadline expires once, at its time or up to 10 ms later", () => {
  const deadlines = new RunningCalls();
  const item = new Item(25);
  deadlines.add(item);
  vi.advanceTimersByTime(24);
  expect(item.firedMs).toEqual([]);
  vi.advanceTimersByTime(11);
  expect(item.firedMs).toHaveLength(1);
  vi.advanceTimersByTime(1_000);
  expect(item.firedMs).toHaveLength(1);
});

test("a deadline above 24.8 days, which no timer of Node's can hold, does not expire early", () => {
  const deadlines = new RunningCalls();
  const item = new Item(30 * DAY_MS);
  deadlines.add(item);
  vi.advanceTimersByTime(1_000);
  expect(item.firedMs).toEqual([]);
});

test("what was removed does not expire, and may be removed again", () => {
  const deadlines = new RunningCalls();
  const [removed, kept] = [new Item(10), new Item(10)];
  deadlines.add(removed);
  deadlines.add(kept);
  deadlines.remove(removed);
  deadlines.remove(removed);
  vi.advanceTimersByTime(100);
  expect([removed.firedMs.length, kept.firedMs.length]).toEqual([0, 1]);
});

test("no timer runs while there is nothing to expire", () => {
  const deadlines = new RunningCalls();
  expect(vi.getTimerCount()).toBe(0);
  const item = new Item(DAY_MS);
  deadlines.add(item);
  expect(vi.getTimerCount()).toBe(1);
  deadlines.remove(item);
  vi.advanceTimersByTime(20);
  expect(vi.getTimerCount()).toBe(0);
  const next = new Item(5);
  deadlines.add(next);
  vi.advanceTimersByTime(20);
  expect(next.firedMs).toHaveLength(1);
});

describe("whatever is added, removed and waited for", () => {
  test("each deadline that is still there expires once, never early and at most 10 ms late; no other does", () => {
    const step = fc.oneof(
      fc.record({ add: fc.nat({ max: 200 }) }),
      fc.record({ remove: fc.nat({ max: 30 }) }),
      fc.record({ wait: fc.nat({ max: 50 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const deadlines = new RunningCalls();
        const items: Item[] = [];
        const removed = new Set<Item>();
        for (const action of steps) {
          if ("add" in action) {
            const item = new Item(action.add);
            items.push(item);
            deadlines.add(item);
          } else if ("wait" in action) {
            vi.advanceTimersByTime(action.wait);
          } else {
            const item = items[action.remove];
            if (item === undefined) continue;
            if (item.firedMs.length === 0) removed.add(item);
            deadlines.remove(item);
          }
        }
        vi.advanceTimersByTime(250);
        // As a call does when it ends.
        for (const item of items) deadlines.remove(item);
        expect(deadlines.size).toBe(0);
        vi.advanceTimersByTime(20);
        for (const item of items) {
          if (removed.has(item)) expect(item.firedMs).toEqual([]);
          else {
            expect(item.firedMs).toHaveLength(1);
            const lateMs = (item.firedMs[0] ?? 0) - item.expiresMs;
            expect(lateMs).toBeGreaterThanOrEqual(0);
            expect(lateMs).toBeLessThanOrEqual(10);
          }
          expect([item.previous, item.next]).toEqual([undefined, undefined]);
        }
        expect(vi.getTimerCount()).toBe(0);
      }),
      parameters,
    );
  });
});
