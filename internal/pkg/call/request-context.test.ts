import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { currentRequestContext, iterateInRequestContext, runInRequestContext } from "./request-context.ts";

const context = { requestId: "r" };
const currentId = () => currentRequestContext()?.requestId;

test("there is a context inside a request only", () => {
  expect(currentRequestContext()).toBeUndefined();
  expect(runInRequestContext(context, currentRequestContext)).toBe(context);
  expect(currentRequestContext()).toBeUndefined();
});

test("what a request starts and awaits belongs to it, whatever runs meanwhile", async () => {
  const idLater = async () => {
    await turn();
    return currentId();
  };
  const ids = ["a", "b"].map((requestId) => runInRequestContext({ requestId }, idLater));
  await expect(Promise.all(ids)).resolves.toEqual(["a", "b"]);
});

test("a generator runs in the context from its first message to its last line, its reader stays outside", async () => {
  const ids: unknown[] = [];
  async function* messages() {
    ids.push(currentId());
    yield 1;
    await turn();
    ids.push(currentId());
    yield 2;
    ids.push(currentId());
  }
  const received: number[] = [];
  for await (const message of iterateInRequestContext(context, messages())) {
    received.push(message);
    expect(currentId()).toBeUndefined();
  }
  expect(received).toEqual([1, 2]);
  expect(ids).toEqual(["r", "r", "r"]);
});

test("a generator cleans up in the context when its reader stops half-way", async () => {
  let cleanedUpBy: unknown;
  async function* messages() {
    try {
      yield 1;
      yield 2;
    } finally {
      await turn();
      cleanedUpBy = currentId();
    }
  }
  for await (const _ of iterateInRequestContext(context, messages())) break;
  expect(cleanedUpBy).toBe("r");
});

test("a generator hears in the context what is thrown into it", async () => {
  async function* messages() {
    try {
      yield "first";
    } catch (error) {
      yield `${currentId()} heard ${error}`;
    }
  }
  const iterator = iterateInRequestContext(context, messages())[Symbol.asyncIterator]();
  await iterator.next();
  await expect(iterator.throw?.("a write error")).resolves.toEqual({ done: false, value: "r heard a write error" });
});

test("an iterator that can be neither returned nor thrown into ends as one that takes no notice", async () => {
  const bare = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false as const, value: 1 }) }) };
  const iterator = iterateInRequestContext(context, bare)[Symbol.asyncIterator]();
  await expect(iterator.next()).resolves.toEqual({ done: false, value: 1 });
  await expect(iterator.return?.()).resolves.toEqual({ done: true, value: undefined });
  await expect(iterator.throw?.(new Error("a write error"))).rejects.toThrow("a write error");
});
