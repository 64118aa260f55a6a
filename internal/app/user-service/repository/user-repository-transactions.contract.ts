import { describe, expect, it } from "vitest";
import type { Call } from "#internal/pkg/call/call.ts";
import type { User } from "../model/user.ts";
import type { UserRepository } from "../model/user-repository.ts";
import { call, EMAIL_TAKEN, ETAG_MISMATCH, NOBODY, newUser, USER_NOT_FOUND } from "./user.fixture.ts";

const LATER = new Date("2026-02-03T04:05:06.789Z");

/** The part of the contract that is about transactions. `current` gives the repository of the test that runs. */
export function describeTransactions(current: () => UserRepository): void {
  const transaction = <T>(work: (repository: UserRepository) => Promise<T>) => current().transaction(work, call);
  const inserted = (fields?: Partial<User>) => current().insert(newUser(fields), call);
  const all = () => current().list({ limit: 1_000 }, call);
  const failure = new Error("no");
  const fail = () => Promise.reject(failure);

  describe("transaction", () => {
    it("keeps all that was done in it, and returns what work returns", async () => {
      const [changed, deleted] = [await inserted(), await inserted()];
      const added = newUser();
      const result = await transaction(async (repository) => {
        await repository.insert(added, call);
        await repository.delete(deleted.id, 1, call);
        return repository.update(changed.id, { fields: { displayName: "Eve" }, updateTime: LATER }, call);
      });
      expect(result).toEqual({ ...changed, displayName: "Eve", updateTime: LATER, version: 2 });
      expect(await all()).toEqual([result, added]);
    });

    it("keeps nothing of what was done in it when work throws, and passes the error on", async () => {
      const before = [await inserted(), await inserted()] as const;
      const work = transaction(async (repository) => {
        await repository.insert(newUser(), call);
        await repository.delete(before[0].id, undefined, call);
        await repository.update(before[1].id, { fields: { displayName: "Eve" }, updateTime: LATER }, call);
        return fail();
      });
      await expect(work).rejects.toBe(failure);
      expect(await all()).toEqual(before);
    });

    it("shows what was done in it inside at once, and outside only at its end", async () => {
      const user = newUser();
      await transaction(async (repository) => {
        await repository.insert(user, call);
        expect(await repository.get(user.id, call)).toEqual(user);
        expect(await repository.list({ limit: 10 }, call)).toEqual([user]);
        await expect(current().get(user.id, call)).rejects.toMatchObject(USER_NOT_FOUND);
      });
      expect(await all()).toEqual([user]);
    });

    it("goes on after NotFound and after an etag that does not match", async () => {
      const user = await inserted();
      await transaction(async (repository) => {
        await expect(repository.get(NOBODY, call)).rejects.toMatchObject(USER_NOT_FOUND);
        await expect(repository.delete(user.id, 7, call)).rejects.toMatchObject(ETAG_MISMATCH);
        await repository.delete(user.id, 1, call);
      });
      expect(await all()).toEqual([]);
    });

    it("passes on that an email is taken, and keeps nothing", async () => {
      const user = await inserted();
      const work = transaction(async (repository) => {
        await repository.insert(newUser(), call);
        await repository.insert(newUser({ email: user.email }), call);
      });
      await expect(work).rejects.toMatchObject(EMAIL_TAKEN);
      expect(await all()).toEqual([user]);
    });

    it("does not claim success when work swallowed that an email is taken", async () => {
      const user = await inserted();
      const work = transaction(async (repository) => {
        await repository.insert(newUser(), call);
        await repository.insert(newUser({ email: user.email }), call).catch(() => {});
      });
      await expect(work).rejects.toThrow();
      expect(await all()).toEqual([user]);
    });

    it("has those within it share its fate", async () => {
      const nested = (repository: UserRepository) =>
        repository.transaction((inner) => inner.insert(newUser(), call), call);
      const first = await transaction(nested);
      expect(await all()).toEqual([first]);
      await expect(transaction((repository) => nested(repository).then(fail))).rejects.toBe(failure);
      expect(await all()).toEqual([first]);
    });

    it("survives one within it whose error is caught, less what was done in that one", async () => {
      const [outer, taken] = [newUser(), await inserted()];
      const nested = (repository: UserRepository) =>
        repository.transaction(async (inner) => {
          await inner.insert(newUser(), call);
          await inner.insert(newUser({ email: taken.email }), call);
        }, call);
      await transaction(async (repository) => {
        await expect(nested(repository)).rejects.toMatchObject(EMAIL_TAKEN);
        await repository.insert(outer, call);
      });
      expect(await all()).toEqual([taken, outer].sort((a, b) => (a.id < b.id ? -1 : 1)));
    });

    it("loses nothing of what others do at the same time, in transactions or not", async () => {
      const { id } = await inserted();
      const change = { fields: {}, updateTime: LATER };
      const works = Array.from({ length: 8 }, (_, i) => [
        transaction(async (repository) => {
          await repository.insert(newUser(), call);
          await repository.update(id, change, call);
          if (i % 4 === 0) await fail();
        }).catch((error) => expect(error).toBe(failure)),
        inserted(),
        current().update(id, change, call),
      ]);
      await Promise.all(works.flat());
      expect(await all()).toHaveLength(1 + 6 + 8);
      expect(await current().get(id, call)).toMatchObject({ version: 1 + 6 + 8 });
    });

    it("rejects with the signal's reason and keeps nothing when the call is aborted half-way", async () => {
      const controller = new AbortController();
      const dying: Call = { signal: controller.signal };
      const work = current().transaction(async (repository) => {
        await repository.insert(newUser(), dying);
        controller.abort(failure);
        await repository.insert(newUser(), dying);
      }, dying);
      await expect(work).rejects.toBe(failure);
      expect(await all()).toEqual([]);
    });
  });
}
