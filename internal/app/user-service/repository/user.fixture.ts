import { v7 as uuidv7 } from "uuid";
import type { Call } from "#internal/pkg/call/call.ts";
import type { User } from "../model/user.ts";

/** A user unlike all others, but for what `fields` says. */
export function newUser(fields: Partial<User> = {}): User {
  const id = uuidv7();
  const time = new Date("2026-01-02T03:04:05.678Z");
  return {
    id,
    email: `${id}@example.org`,
    displayName: "Ada",
    version: 1,
    createTime: time,
    updateTime: time,
    ...fields,
  };
}

/** An id that nobody has. */
export const NOBODY = uuidv7();

/** A call that nobody ends. */
export const call: Call = { signal: new AbortController().signal };

export const USER_NOT_FOUND = { name: "NotFound", reason: "USER_NOT_FOUND" };
export const EMAIL_TAKEN = { name: "AlreadyExists", reason: "EMAIL_TAKEN" };
export const ETAG_MISMATCH = { name: "Aborted", reason: "ETAG_MISMATCH" };
