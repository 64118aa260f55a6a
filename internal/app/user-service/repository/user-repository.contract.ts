import { beforeEach, describe, expect, it } from "vitest";
import type { Call } from "#internal/pkg/call/call.ts";
import type { User } from "../model/user.ts";
import type { UserRepository } from "../model/user-repository.ts";
import { call, EMAIL_TAKEN, ETAG_MISMATCH, NOBODY, newUser, USER_NOT_FOUND } from "./user.fixture.ts";
import { describeTransactions } from "./user-repository-transactions.contract.ts";

const LATER = new Date("2026-02-03T04:05:06.789Z");

/** What every implementation of UserRepository keeps to. `createRepository` is asked before each test for an empty one. */
export function describeUserRepository(name: string, createRepository: () => Promise<UserRepository>): void {
  describe(name, () => {
    let repository: UserRepository;

    beforeEach(async () => {
      repository = await createRepository();
    });

    const inserted = (fields?: Partial<User>) => repository.insert(newUser(fields), call);
    const all = () => repository.list({ limit: 1_000 }, call);

    describe("insert and get", () => {
      it.each([
        ["a plain user", {}],
        ["times to the millisecond", { createTime: new Date(1), updateTime: new Date("2038-01-19T03:14:08.999Z") }],
        ["times before 1970", { createTime: new Date(-1), updateTime: new Date("1901-12-13T20:45:51.001Z") }],
        ["an hour that summer time leaves out", { createTime: new Date("2026-03-29T02:30:00.001Z") }],
        ["any script, emoji, and combining marks left apart", { displayName: "Ада 愛 🧑🏽‍🚀 e\u0301 \u202eאדה" }],
        ["what is special to SQL and to JSON", { displayName: `'"\\;--%_$1\u2028\n\t{}` }],
        ["the email as typed", { email: "Ada.LOVELACE+x@Exämple.ORG" }],
      ])("return and keep %s", async (_, fields) => {
        const user = newUser(fields);
        expect(await repository.insert(user, call)).toEqual(user);
        expect(await repository.get(user.id, call)).toEqual(user);
      });

      it("get says NotFound of an id that nobody has, naming it", async () => {
        await inserted();
        const resource = { type: "user.v1.User", name: NOBODY };
        await expect(repository.get(NOBODY, call)).rejects.toMatchObject({ ...USER_NOT_FOUND, resource });
      });

      it("insert refuses an id that is taken and leaves its user alone", async () => {
        const first = await inserted();
        await expect(repository.insert(newUser({ id: first.id }), call)).rejects.toThrow();
        expect(await all()).toEqual([first]);
      });
    });

    describe("emails", () => {
      it.each([
        ["the same", "ada@example.org"],
        ["in other case", "ADA@Example.Org"],
      ])("refuse one that is %s as another user's, saying which", async (_, email) => {
        const first = await inserted({ email: "ada@example.org" });
        const resource = { type: "user.v1.User", name: email };
        await expect(inserted({ email })).rejects.toMatchObject({ ...EMAIL_TAKEN, resource });
        expect(await all()).toEqual([first]);
      });

      it("are the same whether their letters are composed or not", async () => {
        await inserted({ email: "ren\u00e9@example.org" });
        await expect(inserted({ email: "rene\u0301@example.org" })).rejects.toMatchObject(EMAIL_TAKEN);
      });

      it("go to exactly one of many that insert the same one at the same time", async () => {
        const emails = Array.from({ length: 20 }, (_, i) => (i % 2 ? "ada@example.org" : "ADA@Example.ORG"));
        const results = await Promise.allSettled(emails.map((email) => inserted({ email })));
        const refused = results.filter((result) => result.status === "rejected");
        expect(refused).toHaveLength(19);
        for (const { reason } of refused) expect(reason).toMatchObject(EMAIL_TAKEN);
        expect(await all()).toHaveLength(1);
      });

      it("go to exactly one of many that change theirs to the same one at the same time", async () => {
        const users = await Promise.all(Array.from({ length: 10 }, () => inserted()));
        const change = { fields: { email: "ada@example.org" }, updateTime: LATER };
        const results = await Promise.allSettled(users.map(({ id }) => repository.update(id, change, call)));
        const refused = results.filter((result) => result.status === "rejected");
        expect(refused).toHaveLength(9);
        for (const { reason } of refused) expect(reason).toMatchObject(EMAIL_TAKEN);
      });

      it("cannot be changed to another user's, and then nothing changes", async () => {
        await inserted({ email: "ada@example.org" });
        const other = await inserted();
        const change = { fields: { email: "Ada@example.org", displayName: "Eve" }, updateTime: LATER };
        await expect(repository.update(other.id, change, call)).rejects.toMatchObject({
          ...EMAIL_TAKEN,
          resource: { name: "Ada@example.org" },
        });
        expect(await repository.get(other.id, call)).toEqual(other);
      });

      it("may change in nothing but case, and stay the user's own", async () => {
        const { id } = await inserted({ email: "ada@example.org" });
        const change = { fields: { email: "ADA@example.org" }, updateTime: LATER };
        expect(await repository.update(id, change, call)).toMatchObject({ email: "ADA@example.org" });
        await expect(inserted({ email: "ada@example.org" })).rejects.toMatchObject(EMAIL_TAKEN);
      });

      it("are free again once their user has another one or is deleted", async () => {
        const first = await inserted({ email: "ada@example.org" });
        await repository.update(first.id, { fields: { email: "eve@example.org" }, updateTime: LATER }, call);
        const second = await inserted({ email: "ADA@example.org" });
        await repository.delete(second.id, undefined, call);
        expect(await inserted({ email: "ada@example.org" })).toMatchObject({ email: "ada@example.org" });
      });
    });

    describe("update", () => {
      it.each([
        ["email", { email: "new@example.org" }],
        ["display name", { displayName: "Augusta" }],
        ["both", { email: "new@example.org", displayName: "Augusta" }],
        ["nothing but the time", {}],
      ])("changes %s, counts the version up, and leaves the rest", async (_, fields) => {
        const user = await inserted();
        const bystander = await inserted();
        const expected = { ...user, ...fields, version: 2, updateTime: LATER };
        expect(await repository.update(user.id, { fields, updateTime: LATER }, call)).toEqual(expected);
        expect(await all()).toEqual([expected, bystander]);
      });

      it("takes the stored version and no other", async () => {
        const { id } = await inserted();
        const update = (version: number) => repository.update(id, { fields: {}, updateTime: LATER, version }, call);
        expect((await update(1)).version).toBe(2);
        for (const wrong of [1, 3]) await expect(update(wrong)).rejects.toMatchObject(ETAG_MISMATCH);
        expect((await update(2)).version).toBe(3);
      });

      it.each([undefined, 1])("says NotFound where there is no such user (version %s)", async (version) => {
        const change = { fields: {}, updateTime: LATER, ...(version && { version }) };
        await expect(repository.update(NOBODY, change, call)).rejects.toMatchObject(USER_NOT_FOUND);
      });

      it("lets exactly one of many through that change the same version at the same time", async () => {
        const { id } = await inserted();
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, (_, i) =>
            repository.update(id, { fields: { displayName: `${i}` }, updateTime: LATER, version: 1 }, call),
          ),
        );
        const won = results.filter((result) => result.status === "fulfilled");
        expect(won).toHaveLength(1);
        for (const result of results)
          if (result.status === "rejected") expect(result.reason).toMatchObject(ETAG_MISMATCH);
        expect(await repository.get(id, call)).toEqual(won[0]?.value);
      });

      it("without a version counts every one of many at the same time", async () => {
        const { id } = await inserted();
        const change = { fields: {}, updateTime: LATER };
        const updated = await Promise.all(Array.from({ length: 20 }, () => repository.update(id, change, call)));
        const versions = updated.map(({ version }) => version).sort((a, b) => a - b);
        expect(versions).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
      });
    });

    describe("delete", () => {
      it.each([undefined, 1])("removes the user and nobody else (version %s)", async (version) => {
        const { id } = await inserted();
        const bystander = await inserted();
        await repository.delete(id, version, call);
        expect(await all()).toEqual([bystander]);
        await expect(repository.delete(id, version, call)).rejects.toMatchObject(USER_NOT_FOUND);
      });

      it("takes the stored version and no other", async () => {
        const user = await inserted();
        for (const wrong of [0, 2]) {
          await expect(repository.delete(user.id, wrong, call)).rejects.toMatchObject(ETAG_MISMATCH);
        }
        expect(await all()).toEqual([user]);
      });
    });

    describe("list", () => {
      const ids = Array.from({ length: 7 }, (_, i) => `0199${"0f8a3c1"[i]}000-0000-7000-8000-000000000000`).sort();
      const idsOf = async (page: { afterId?: string; limit: number }) =>
        (await repository.list(page, call)).map(({ id }) => id);

      beforeEach(async () => {
        for (const id of ids.toReversed()) await inserted({ id });
      });

      it("is in the order of ids, not of arrival", async () => {
        expect(await idsOf({ limit: 100 })).toEqual(ids);
      });

      it.each([0, 1, 6, 7, 8])("returns at most %i", async (limit) => {
        expect(await idsOf({ limit })).toEqual(ids.slice(0, limit));
      });

      it("begins right after an id, whether its user still exists or not", async () => {
        const [, second = "", third = ""] = ids;
        expect(await idsOf({ afterId: second, limit: 2 })).toEqual(ids.slice(2, 4));
        await repository.delete(second, undefined, call);
        expect(await idsOf({ afterId: second, limit: 2 })).toEqual(ids.slice(2, 4));
        expect(await idsOf({ afterId: "00000000-0000-0000-0000-000000000000", limit: 2 })).toEqual([ids[0], third]);
      });

      it("is empty after the last id, and where there is nobody", async () => {
        expect(await idsOf({ afterId: ids.at(-1) ?? "", limit: 10 })).toEqual([]);
        for (const id of ids) await repository.delete(id, undefined, call);
        expect(await idsOf({ limit: 10 })).toEqual([]);
      });
    });

    describeTransactions(() => repository);
    describeAbortedCalls(() => repository);
  });
}

function describeAbortedCalls(current: () => UserRepository): void {
  const reason = new Error("the client left");
  const aborted: Call = { signal: AbortSignal.abort(reason) };

  describe("an aborted call", () => {
    it.each<[string, (user: User) => Promise<unknown>]>([
      ["insert", () => current().insert(newUser(), aborted)],
      ["get", ({ id }) => current().get(id, aborted)],
      ["list", () => current().list({ limit: 1 }, aborted)],
      ["update", ({ id }) => current().update(id, { fields: { displayName: "Eve" }, updateTime: LATER }, aborted)],
      ["delete", ({ id }) => current().delete(id, undefined, aborted)],
      ["transaction", ({ id }) => current().transaction((inner) => inner.delete(id, undefined, call), aborted)],
    ])("makes %s reject with the signal's reason and write nothing", async (_, run) => {
      const user = await current().insert(newUser(), call);
      await expect(run(user)).rejects.toBe(reason);
      expect(await current().list({ limit: 10 }, call)).toEqual([user]);
    });
  });
}
