import { expect, test } from "vitest";
import { LiveSet, startBudget } from "./live-set.ts";

test("an empty set is emptied at once", async () => {
  await expect(new LiveSet().emptied(0)).resolves.toBe(true);
});

test("everybody who waits hears of the last item that goes, also with a timeout no timer can hold", async () => {
  const set = new LiveSet([1, 2]);
  const waiting = [set.emptied(60_000), set.emptied(2 ** 40)];
  set.delete(1);
  set.delete(2);
  await expect(Promise.all(waiting)).resolves.toEqual([true, true]);
});

test("a set that stays filled is given up on, and can be waited for again", async () => {
  const set = new LiveSet([1]);
  await expect(set.emptied(5)).resolves.toBe(false);
  const again = set.emptied(60_000);
  set.delete(1);
  await expect(again).resolves.toBe(true);
});

test("a set that fills again before the waiter wakes is not empty", async () => {
  const set = new LiveSet([1]);
  const waiting = set.emptied(60_000);
  set.delete(1);
  set.add(2);
  await expect(waiting).resolves.toBe(false);
});

test("a budget shrinks to 0 and not below", () => {
  expect(startBudget(60_000)()).toBeGreaterThan(50_000);
  expect(startBudget(-1)()).toBe(0);
});
