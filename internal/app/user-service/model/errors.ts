import { Aborted, AlreadyExists, NotFound } from "#internal/pkg/errors/errors.ts";

/** The reasons of this service's errors: a part of its contract (ErrorInfo.reason). */

const USER = "user.v1.User";

export function userNotFound(id: string): NotFound {
  return new NotFound({
    reason: "USER_NOT_FOUND",
    message: `there is no user with id ${id}`,
    resource: { type: USER, name: id },
  });
}

export function emailTaken(email: string): AlreadyExists {
  return new AlreadyExists({
    reason: "EMAIL_TAKEN",
    message: "another user has this email",
    resource: { type: USER, name: email },
    metadata: { field: "user.email" },
  });
}

export function etagMismatch(): Aborted {
  return new Aborted({
    reason: "ETAG_MISMATCH",
    message: "the user was changed since this etag was read; get it again and retry with its new etag",
  });
}
