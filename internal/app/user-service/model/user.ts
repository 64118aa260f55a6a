/** A person known to the system, as stored. */
export interface User {
  /** UUIDv7, lower case. */
  readonly id: string;
  /** As typed. */
  readonly email: string;
  readonly displayName: string;
  /** 1 at first, one more with each change. */
  readonly version: number;
  readonly createTime: Date;
  readonly updateTime: Date;
}

/** What a caller chooses of a user, and may change later. */
export type UserFields = Pick<User, "email" | "displayName">;

/**
 * The form of an email address in which two that differ in nothing but case are equal. The one place that decides
 * what makes addresses the same.
 */
export function emailKey(email: string): string {
  return email.normalize("NFC").toLowerCase();
}
