import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { currentScope } from "./call-scope.ts";
import { runInCall } from "./run-in-call.ts";

const LIVE = { signal: new AbortController().signal };
const conflict = (code = "40001") => Object.assign(new Error("conflict"), { code });
const reason = new Error("gone");

test("work's result and its errors pass", async () => {
  await expect(runInCall(LIVE, async () => 1)).resolves.toBe(1);
  await expect(runInCall(LIVE, () => Promise.reject(reason))).rejects.toBe(reason);
});

test("a call that ends is told at once, whatever its work does then", async () => {
  const controller = new AbortController();
  let scope = currentScope();
  const work = Promise.withResolvers<void>();
  const call = runInCall(controller, () => {
    scope = currentScope();
    return work.promise;
  });
  controller.abort(reason);
  await expect(call).rejects.toBe(reason);
  expect(scope?.ended).toBe(true);
  work.reject(new Error("too late to be heard"));
});

test("no listener stays on a signal", async () => {
  const { signal } = new AbortController();
  const add = vi.spyOn(signal, "addEventListener");
  const remove = vi.spyOn(signal, "removeEventListener");
  await runInCall({ signal }, async () => {});
  await runInCall({ signal }, () => Promise.reject(reason)).catch(() => {});
  expect(remove).toHaveBeenCalledTimes(add.mock.calls.length);
});

test.each(["40001", "40P01", "P2034"])(
  "work that %s undid is repeated until it succeeds or the tries are used up",
  async (code) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.nat(6), async (tries, failures) => {
        const work = vi.fn(async () => {
          if (work.mock.calls.length <= failures) throw conflict(code);
          return "done";
        });
        const outcome = await runInCall(LIVE, work, { tries, pauseMs: 0.01 }).catch((error) => error.code);
        expect(outcome).toBe(failures < tries ? "done" : code);
        expect(work).toHaveBeenCalledTimes(Math.min(failures + 1, tries));
      }),
      { seed: 1, numRuns: Number(process.env.FUZZ_RUNS ?? 100) },
    );
  },
);

test("work is repeated too when a part of it has said in other words that it was undone", async () => {
  const work = vi.fn(async () => "done").mockRejectedValueOnce(new Error("in the way", { cause: conflict() }));
  await expect(runInCall(LIVE, work, { pauseMs: 1 })).resolves.toBe("done");
});

test("three tries are made without being told", async () => {
  const work = vi.fn(() => Promise.reject(conflict()));
  await expect(runInCall(LIVE, work)).rejects.toMatchObject({ code: "40001" });
  expect(work).toHaveBeenCalledTimes(3);
});

test("nothing else is repeated", async () => {
  const work = vi.fn(() => Promise.reject(Object.assign(new Error("taken"), { code: "23505" })));
  await expect(runInCall(LIVE, work)).rejects.toMatchObject({ code: "23505" });
  expect(work).toHaveBeenCalledOnce();
});

test("work whose call has ended is not repeated", async () => {
  const controller = new AbortController();
  const work = vi.fn(async () => {
    controller.abort(reason);
    throw conflict();
  });
  await expect(runInCall(controller, work)).rejects.toBe(reason);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(work).toHaveBeenCalledOnce();
});

test("within another unit of work it is that one which is repeated", async () => {
  const inner = vi.fn(() => Promise.reject(conflict()));
  const outer = vi.fn(() => runInCall(LIVE, inner));
  await expect(runInCall(LIVE, outer, { tries: 2, pauseMs: 1 })).rejects.toMatchObject({ code: "40001" });
  expect([outer.mock.calls.length, inner.mock.calls.length]).toEqual([2, 2]);
});

test("the end of a unit of work is that of its parts too", async () => {
  const outer = new AbortController();
  let part = currentScope();
  const call = runInCall(outer, () =>
    runInCall(LIVE, () => {
      part = currentScope();
      return new Promise(() => {});
    }),
  );
  outer.abort(reason);
  await expect(call).rejects.toBe(reason);
  expect(part?.ended).toBe(true);
});

test("an error that is its own cause is thrown as it is", async () => {
  const error = new Error("circle");
  error.cause = error;
  await expect(runInCall(LIVE, () => Promise.reject(error))).rejects.toBe(error);
});
