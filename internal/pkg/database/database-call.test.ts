import { describe, expect, it, onTestFinished, vi } from "vitest";
import { inDatabaseCall, transactionOptions } from "./database-call.ts";

const { signal } = new AbortController();

describe("inDatabaseCall", () => {
  it("says in the taxonomy's terms what went wrong", async () => {
    const cause = Object.assign(new Error("terminated"), { code: "57P01" });
    const failing = inDatabaseCall({ signal }, () => Promise.reject(cause));
    await expect(failing).rejects.toMatchObject({ name: "Unavailable", cause });
  });

  it("passes on why the call ended", async () => {
    const reason = new Error("the client left");
    const never = () => new Promise(() => {});
    await expect(inDatabaseCall({ signal: AbortSignal.abort(reason) }, never)).rejects.toBe(reason);
  });
});

describe("transactionOptions", () => {
  it("give a transaction the time that its call has, and a margin for the call's own end to come first", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const options = transactionOptions({ signal, deadline: new Date(Date.now() + 1_000) });
    expect(options).toEqual({ timeout: 1_500, maxWait: 1_500 });
  });

  it.each([
    ["no deadline", undefined, 5_500],
    ["a far one", 3_600_000, 5_500],
    ["one that has passed", -1, 500],
  ])("stay within bounds for a call with %s", (_, inMs, expected) => {
    const deadline = inMs === undefined ? {} : { deadline: new Date(Date.now() + inMs) };
    expect(transactionOptions({ signal, ...deadline })).toEqual({ timeout: expected, maxWait: expected });
  });
});
