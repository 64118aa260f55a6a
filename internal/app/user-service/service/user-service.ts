import { decodePageToken, encodePageToken, PageTokenError, resolvePageSize } from "@grpc-service-template/aip";
import { validate as isUuid } from "uuid";
import type { Call } from "#internal/pkg/call/call.ts";
import { etagMismatch } from "../model/errors.ts";
import type { User, UserFields } from "../model/user.ts";
import type { UserRepository } from "../model/user-repository.ts";

const PAGE_SIZE = { defaultSize: 50, maxSize: 1000 };

/** What a page token is bound to. Filters and orders belong here once there are any. */
const LIST_ARGUMENTS = { list: "users" };

export interface UserServiceDependencies {
  readonly repository: UserRepository;
  /** Makes ids, in ascending order. */
  readonly newId: () => string;
  readonly now: () => Date;
}

export interface ListUsersPage {
  readonly users: readonly User[];
  /** Empty when this is the last page. */
  readonly nextPageToken: string;
}

export interface UpdateUserCommand {
  readonly id: string;
  /** The fields to change, with their new values. */
  readonly fields: Partial<UserFields>;
  /** When given, the stored version must be this one. */
  readonly version?: number;
}

/** The rules about users, whatever they are called through and stored in. */
export type UserService = ReturnType<typeof createUserService>;

export function createUserService({ repository, newId, now }: UserServiceDependencies) {
  return {
    async create(fields: UserFields, call: Call): Promise<User> {
      const time = now();
      return repository.insert({ ...fields, id: newId(), version: 1, createTime: time, updateTime: time }, call);
    },

    async get(id: string, call: Call): Promise<User> {
      return repository.get(id, call);
    },

    /** Lists users, oldest first. `pageSize` 0 is the default size. Throws PageTokenError. */
    async list(page: { pageSize: number; pageToken: string }, call: Call): Promise<ListUsersPage> {
      const size = resolvePageSize(page.pageSize, PAGE_SIZE);
      const afterId = page.pageToken === "" ? undefined : lastIdOf(page.pageToken);
      // One more than asked tells whether another page follows.
      const found = await repository.list({ limit: size + 1, ...(afterId !== undefined && { afterId }) }, call);
      const users = found.slice(0, size);
      const last = users.at(-1);
      return { users, nextPageToken: found.length > size && last ? pageTokenAfter(last.id) : "" };
    },

    async update({ id, fields, version }: UpdateUserCommand, call: Call): Promise<User> {
      if (Object.keys(fields).length > 0) {
        return repository.update(id, { fields, updateTime: now(), ...(version !== undefined && { version }) }, call);
      }
      const user = await repository.get(id, call);
      if (version !== undefined && version !== user.version) throw etagMismatch();
      return user;
    },

    async delete(id: string, version: number | undefined, call: Call): Promise<void> {
      await repository.delete(id, version, call);
    },
  };
}

function pageTokenAfter(lastId: string): string {
  return encodePageToken({ arguments: LIST_ARGUMENTS, position: [lastId] });
}

/** @throws PageTokenError */
function lastIdOf(pageToken: string): string {
  const [lastId = "", ...rest] = decodePageToken(pageToken, { arguments: LIST_ARGUMENTS });
  // Tokens are not signed: a forged one can hold anything.
  if (!isUuid(lastId) || rest.length > 0) throw new PageTokenError("malformed");
  return lastId;
}
