import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { CallScope, currentScope, runInScope, runInSharedScope } from "./call-scope.ts";

test("a scope tells once that it ends, and at once who asks later", () => {
  const scope = new CallScope();
  const [early, gone, late] = [vi.fn(), vi.fn(), vi.fn()];
  scope.onEnd(early);
  scope.onEnd(gone);
  scope.offEnd(gone);
  scope.end();
  scope.end();
  scope.onEnd(late);
  expect(scope.ended).toBe(true);
  expect(early).toHaveBeenCalledOnce();
  expect(late).toHaveBeenCalledOnce();
  expect(gone).not.toHaveBeenCalled();
});

test("work outside of a call shares nothing", async () => {
  expect(await runInSharedScope(async () => currentScope())).toBeUndefined();
});

/** The shared scope that a call gets now, which it leaves by `finish`. */
function share(scope: CallScope) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const shared = Promise.withResolvers<CallScope | undefined>();
  const done = runInScope(scope, () =>
    runInSharedScope(async () => {
      shared.resolve(currentScope());
      await promise;
    }),
  );
  const finish = () => {
    resolve();
    return done;
  };
  return { shared: shared.promise, finish };
}

test("a shared scope ends when the last of those who share it has ended or has its answer", async () => {
  const calls = [new CallScope(), new CallScope(), new CallScope()] as const;
  const members = calls.map(share);
  const [shared, ...others] = await Promise.all(members.map((member) => member.shared));
  expect(others).toEqual([shared, shared]);
  expect(calls).not.toContain(shared);
  calls[0].end();
  calls[0].end();
  expect(shared?.ended).toBe(false);
  await members[1]?.finish();
  expect(shared?.ended).toBe(false);
  calls[2].end();
  expect(shared?.ended).toBe(true);
});

test("calls share within a turn of the event loop, and never what has ended", async () => {
  const call = new CallScope();
  const first = await share(call).shared;
  await turn();
  const second = share(call);
  expect(await second.shared).not.toBe(first);
  const other = new CallScope();
  const third = share(other);
  expect(await third.shared).toBe(await second.shared);
  await Promise.all([second.finish(), third.finish()]);
  expect(await share(call).shared).not.toBe(await second.shared);
});
