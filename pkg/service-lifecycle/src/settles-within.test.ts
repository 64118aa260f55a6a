import { expect, test } from "vitest";
import { settlesWithin } from "./settles-within.ts";

const NEVER = new Promise<void>(() => {});

test("what resolves in time settles", async () => {
  await expect(settlesWithin(Promise.resolve("any value"), 1_000)).resolves.toBe(true);
});

test("what is pending when the time is over does not settle", async () => {
  await expect(settlesWithin(NEVER, 5)).resolves.toBe(false);
});

test("what rejects in time rejects", async () => {
  await expect(settlesWithin(Promise.reject(new Error("no")), 1_000)).rejects.toThrow("no");
});

test("what rejects later is no unhandled rejection", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  await expect(settlesWithin(promise, 1)).resolves.toBe(false);
  reject(new Error("late")); // Vitest fails on unhandled rejections.
  await new Promise((resolve) => setImmediate(resolve));
});
