import { expect, test } from "vitest";
import { LiveCount, startBudget } from "./live-count.ts";

/** With `size` things going on. */
function count(size: number): LiveCount {
  const live = new LiveCount();
  for (let i = 0; i < size; i++) live.begun();
  return live;
}

test("where nothing goes on, nobody waits", async () => {
  await expect(count(0).none(0)).resolves.toBe(true);
});

test("everybody who waits hears of the last one that ends, also with a timeout no timer can hold", async () => {
  const live = count(2);
  const waiting = [live.none(60_000), live.none(2 ** 40)];
  live.ended();
  live.ended();
  await expect(Promise.all(waiting)).resolves.toEqual([true, true]);
});

test("what goes on for too long is given up on, and can be waited for again", async () => {
  const live = count(1);
  await expect(live.none(5)).resolves.toBe(false);
  const again = live.none(60_000);
  live.ended();
  await expect(again).resolves.toBe(true);
});

test("what begins before the waiter wakes counts", async () => {
  const live = count(1);
  const waiting = live.none(60_000);
  live.ended();
  live.begun();
  await expect(waiting).resolves.toBe(false);
});

test("a budget shrinks to 0 and not below", () => {
  expect(startBudget(60_000)()).toBeGreaterThan(50_000);
  expect(startBudget(-1)()).toBe(0);
});
