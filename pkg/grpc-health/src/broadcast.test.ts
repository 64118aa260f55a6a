import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { createBroadcast } from "./broadcast.ts";

describe("createBroadcast", () => {
  it("wakes all who wait, once", async () => {
    const broadcast = createBroadcast();
    const { signal } = new AbortController();
    const woken = Promise.all([broadcast.wait(signal), broadcast.wait(signal)]);
    expect(broadcast.waiting).toBe(2);
    broadcast.notify();
    expect(broadcast.waiting).toBe(0);
    await woken;
  });

  it("holds neither a waiter nor a listener after it has woken somebody", async () => {
    const broadcast = createBroadcast();
    const { signal } = new AbortController();
    const woken = broadcast.wait(signal);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    broadcast.notify();
    await woken;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("lets a waiter go when its signal aborts, and only that one", async () => {
    const broadcast = createBroadcast();
    const leaving = new AbortController();
    const staying = new AbortController();
    const left = broadcast.wait(leaving.signal);
    const stays = broadcast.wait(staying.signal);
    leaving.abort();
    await left;
    expect(broadcast.waiting).toBe(1);
    expect(getEventListeners(leaving.signal, "abort")).toHaveLength(0);
    broadcast.notify();
    await stays;
  });

  it("does not wait on a signal that is aborted already", async () => {
    const broadcast = createBroadcast();
    await broadcast.wait(AbortSignal.abort());
    expect(broadcast.waiting).toBe(0);
  });
});
