import type { Call } from "#internal/pkg/call/call.ts";
import { emailTaken, etagMismatch, userNotFound } from "../model/errors.ts";
import { emailKey, type User } from "../model/user.ts";
import type { UserRepository } from "../model/user-repository.ts";

/** Keeps users in this process, for tests and benchmarks of what stands on a repository. */
export function createInMemoryUserRepository(users = new Map<string, User>(), onTaken = () => {}): UserRepository {
  let lastWrite: Promise<unknown> = Promise.resolve();

  /** One write after the other, a transaction being one: what it has read stays true until it is done. */
  function write<T>({ signal }: Call, work: () => T | Promise<T>): Promise<T> {
    const written = lastWrite.then(() => {
      signal.throwIfAborted();
      return work();
    });
    lastWrite = written.catch(() => {});
    return written;
  }

  function assertEmailFree(email: string, ownId: string): void {
    const key = emailKey(email);
    for (const other of users.values()) {
      if (other.id === ownId || emailKey(other.email) !== key) continue;
      onTaken();
      throw emailTaken(email);
    }
  }

  function stored(id: string, version: number | undefined): User {
    const user = users.get(id);
    if (!user) throw userNotFound(id);
    if (version !== undefined && version !== user.version) throw etagMismatch();
    return user;
  }

  return {
    insert: (user, call) =>
      write(call, () => {
        if (users.has(user.id)) throw new Error(`the id ${user.id} is taken`);
        assertEmailFree(user.email, user.id);
        users.set(user.id, user);
        return user;
      }),

    async get(id, { signal }) {
      signal.throwIfAborted();
      return stored(id, undefined);
    },

    async list({ afterId = "", limit }, { signal }) {
      signal.throwIfAborted();
      const following = [...users.values()].filter(({ id }) => id > afterId);
      return following.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
    },

    update: (id, { fields, updateTime, version }, call) =>
      write(call, () => {
        const user = stored(id, version);
        if (fields.email !== undefined) assertEmailFree(fields.email, id);
        const changed = { ...user, ...fields, updateTime, version: user.version + 1 };
        users.set(id, changed);
        return changed;
      }),

    delete: (id, version, call) =>
      write(call, () => {
        stored(id, version);
        users.delete(id);
      }),

    transaction: (work, call) =>
      write(call, async () => {
        const copy = new Map(users);
        let broken = false;
        const result = await work(createInMemoryUserRepository(copy, () => (broken = true)));
        if (broken) throw new Error("the transaction went on after an error that ends it");
        users.clear();
        for (const [id, user] of copy) users.set(id, user);
        return result;
      }),
  };
}
