import type { Call } from "#internal/pkg/call/call.ts";
import type { User, UserFields } from "./user.ts";

/**
 * Keeps users. Uniqueness of emails and optimistic concurrency hold whatever else happens at the same time.
 * Every implementation passes the suite in repository/user-repository.contract.ts.
 */
export interface UserRepository {
  /** @throws AlreadyExists (EMAIL_TAKEN) */
  insert(user: User, call: Call): Promise<User>;

  /** @throws NotFound (USER_NOT_FOUND) */
  get(id: string, call: Call): Promise<User>;

  /** Users in the order of their ids, from the first one after `afterId` (or the very first), at most `limit`. */
  list(page: { readonly afterId?: string; readonly limit: number }, call: Call): Promise<readonly User[]>;

  /**
   * Changes the given fields and counts `version` up.
   * @throws NotFound (USER_NOT_FOUND), Aborted (ETAG_MISMATCH) when `change.version` is not the stored one,
   * AlreadyExists (EMAIL_TAKEN)
   */
  update(id: string, change: UserChange, call: Call): Promise<User>;

  /** @throws NotFound (USER_NOT_FOUND), Aborted (ETAG_MISMATCH) when `version` is given and not the stored one */
  delete(id: string, version: number | undefined, call: Call): Promise<void>;

  /**
   * The unit of work: what `work` does through the repository it is given happens as a whole, or, when it throws, not at all.
   * When others got in its way, `work` is called again, from the start: its effects elsewhere must bear that.
   * AlreadyExists ends it: it then rejects even if `work` goes on. One within another may fail and the other go on.
   */
  transaction<T>(work: (repository: UserRepository) => Promise<T>, call: Call): Promise<T>;
}

export interface UserChange {
  readonly fields: Partial<UserFields>;
  readonly updateTime: Date;
  /** When given, the stored version must be this one. */
  readonly version?: number;
}
