import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { currentScope } from "./call-scope.ts";
import { createPrismaOperations } from "./prisma-operations.ts";
import { runInCall } from "./run-in-call.ts";

const LIVE = { signal: new AbortController().signal };
const failWith = (code: string) => Object.assign(new Error(code), { code });
const run = createPrismaOperations();

/** A query that fails so once, and then answers. */
const failsOnce = (code: string) => vi.fn(async (_args: never) => "rows").mockRejectedValueOnce(failWith(code));

test.each(["findUnique", "findFirst", "findMany", "count", "aggregate", "groupBy"])(
  "%s is asked again when its connection broke",
  async (operation) => {
    const query = failsOnce("08006");
    const args = { take: 1 };
    await expect(run({ model: "User", operation, args, query })).resolves.toBe("rows");
    expect(query.mock.calls).toEqual([[args], [args]]);
  },
);

test("a read is asked again when the call that it was merged with ended", async () => {
  const query = failsOnce("CALL_ENDED");
  const asking = runInCall(LIVE, () => run({ model: "User", operation: "findUnique", args: {}, query }));
  await expect(asking).resolves.toBe("rows");
});

test("a read is asked twice at most", async () => {
  const query = failsOnce("08006").mockRejectedValueOnce(failWith("ECONNRESET"));
  await expect(run({ model: "User", operation: "findMany", args: {}, query })).rejects.toThrow("ECONNRESET");
  expect(query).toHaveBeenCalledTimes(2);
});

test.each([
  ["a write", "create", "08006"],
  ["raw SQL, which may write", "$queryRaw", "08006"],
  ["a read that found no connection", "findMany", "08001"],
  ["a read that took too long", "findMany", "57014"],
])("%s is not asked again", async (_, operation, code) => {
  const query = failsOnce(code);
  await expect(run({ operation, args: {}, query })).rejects.toMatchObject({ code });
  expect(query).toHaveBeenCalledOnce();
});

test("nothing is asked again for a call that has ended", async () => {
  const controller = new AbortController();
  const query = vi.fn(async (_args: never) => {
    controller.abort(new Error("gone"));
    throw failWith("CALL_ENDED");
  });
  const asking = runInCall(controller, () => run({ model: "User", operation: "findMany", args: {}, query }));
  await expect(asking).rejects.toThrow("gone");
  await new Promise(setImmediate);
  expect(query).toHaveBeenCalledOnce();
});

test("only reads that Prisma merges share a scope", async () => {
  const scopes = async (operation: string) => {
    let own: unknown;
    const seen = await runInCall(LIVE, () => {
      own = currentScope();
      return run({ model: "User", operation, args: {}, query: async () => currentScope() });
    });
    return seen === own;
  };
  expect(await scopes("findMany")).toBe(true);
  expect(await scopes("findUnique")).toBe(false);
});

test("each operation is timed by its name, also one that fails", async () => {
  const heard: [string, number][] = [];
  const timed = createPrismaOperations((operation, seconds) => heard.push([operation, seconds]));
  await timed({ model: "User", operation: "create", args: {}, query: () => sleep(50) });
  await timed({ operation: "$queryRaw", args: {}, query: () => Promise.reject(new Error("no")) }).catch(() => {});
  expect(heard).toEqual([
    ["User.create", expect.any(Number)],
    ["$queryRaw", expect.any(Number)],
  ]);
  // In seconds: in milliseconds it would be about 50.
  expect(heard[0]?.[1]).toBeGreaterThan(0.04);
  expect(heard[0]?.[1]).toBeLessThan(10);
});
