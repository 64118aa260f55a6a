import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { untilAborted } from "./end-on-abort.ts";

const reason = new Error("enough");

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function* count(upTo: number) {
  for (let i = 0; i < upTo; i++) yield i;
}

test("without an abort all items come, and no listener stays", async () => {
  const { signal } = new AbortController();
  await expect(collect(untilAborted(count(1_000), signal))).resolves.toHaveLength(1_000);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("an abort ends the wait for an item that never comes", async () => {
  const abort = new AbortController();
  const items = untilAborted(
    (async function* () {
      yield 1;
      await new Promise(() => {});
    })(),
    abort.signal,
  );
  await expect(items.next()).resolves.toEqual({ value: 1, done: false });
  const next = items.next();
  abort.abort(reason);
  await expect(next).rejects.toBe(reason);
});

test("a signal that has fired before lets no item pass", async () => {
  await expect(untilAborted(count(1), AbortSignal.abort(reason)).next()).rejects.toBe(reason);
});

test("the source's error comes through", async () => {
  const failing = (async function* () {
    yield 1;
    throw reason;
  })();
  await expect(collect(untilAborted(failing, new AbortController().signal))).rejects.toBe(reason);
});

test.each(["consumer leaves", "signal fires"])("the source is let go of when the %s", async (why) => {
  const abort = new AbortController();
  const released = Promise.withResolvers<void>();
  const source = (async function* () {
    try {
      for (;;) yield 1;
    } finally {
      released.resolve();
    }
  })();
  const items = untilAborted(source, abort.signal);
  await items.next();
  if (why === "consumer leaves") await items.return();
  else {
    abort.abort(reason);
    await expect(items.next()).rejects.toBe(reason);
  }
  await released.promise;
});

test("a source that cannot be let go of, or fails at it, is no error", async () => {
  const ended = Promise.resolve({ value: undefined, done: true as const });
  const bare = { [Symbol.asyncIterator]: () => ({ next: () => ended }) };
  const failing = { [Symbol.asyncIterator]: () => ({ next: () => ended, return: () => Promise.reject(reason) }) };
  for (const source of [bare, failing]) {
    await expect(collect(untilAborted(source, new AbortController().signal))).resolves.toEqual([]);
  }
});
