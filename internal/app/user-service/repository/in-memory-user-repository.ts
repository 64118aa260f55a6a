import { emailTaken, etagMismatch, userNotFound } from "../model/errors.ts";
import { emailKey, type User } from "../model/user.ts";
import type { UserRepository } from "../model/user-repository.ts";

/**
 * Keeps users in this process, for tests and benchmarks of what stands on a repository. Each method does its work
 * without waiting for anything in between, so that nothing else can come between either.
 */
export function createInMemoryUserRepository(users = new Map<string, User>()): UserRepository {
  function assertEmailFree(email: string, ownId: string): void {
    const key = emailKey(email);
    for (const other of users.values()) {
      if (other.id !== ownId && emailKey(other.email) === key) throw emailTaken(email);
    }
  }

  function stored(id: string, version: number | undefined): User {
    const user = users.get(id);
    if (!user) throw userNotFound(id);
    if (version !== undefined && version !== user.version) throw etagMismatch();
    return user;
  }

  return {
    async insert(user, { signal }) {
      signal.throwIfAborted();
      assertEmailFree(user.email, user.id);
      users.set(user.id, user);
      return user;
    },

    async get(id, { signal }) {
      signal.throwIfAborted();
      return stored(id, undefined);
    },

    async list({ afterId = "", limit }, { signal }) {
      signal.throwIfAborted();
      const following = [...users.values()].filter(({ id }) => id > afterId);
      return following.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
    },

    async update(id, { fields, updateTime, version }, { signal }) {
      signal.throwIfAborted();
      const user = stored(id, version);
      if (fields.email !== undefined) assertEmailFree(fields.email, id);
      const changed = { ...user, ...fields, updateTime, version: user.version + 1 };
      users.set(id, changed);
      return changed;
    },

    async delete(id, version, { signal }) {
      signal.throwIfAborted();
      stored(id, version);
      users.delete(id);
    },

    async transaction(work, { signal }) {
      signal.throwIfAborted();
      const copy = new Map(users);
      const result = await work(createInMemoryUserRepository(copy));
      users.clear();
      for (const [id, user] of copy) users.set(id, user);
      return result;
    },
  };
}
