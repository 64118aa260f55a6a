import { databaseErrorKind } from "@grpc-service-template/bounded-pg";
import { Aborted, DeadlineExceeded, FailedPrecondition, Unavailable } from "#internal/pkg/errors/errors.ts";

export { isUniqueViolation } from "@grpc-service-template/bounded-pg";

/** Whether `error` says that no row matched an update's or a delete's condition. */
export function isRecordNotFound(error: unknown): boolean {
  return databaseErrorKind(error) === "record_not_found";
}

/**
 * The error to throw instead: of the taxonomy where the database's trouble is known, else `error` itself. So are violated
 * rules that a request should not have reached (unique ones that the repository does not name, checks, not null): a defect.
 */
export function translateDatabaseError(error: unknown): unknown {
  switch (databaseErrorKind(error)) {
    case "timeout":
      return new DeadlineExceeded({ reason: "DATABASE_TIMEOUT", message: "the database took too long", cause: error });
    case "conflict":
      return new Aborted({
        reason: "DATABASE_CONFLICT",
        message: "another change at the same time got in the way; try again",
        cause: error,
      });
    case "foreign_key":
      return new FailedPrecondition({
        reason: "REFERENCE_VIOLATION",
        message: "something that this refers to does not exist, or something still refers to this",
        cause: error,
      });
    case "locked":
    case "connection_lost":
    case "unreachable":
    case "exhausted":
    case "read_only":
      return new Unavailable({
        reason: "DATABASE_UNAVAILABLE",
        message: "the database does not answer; try again",
        retryAfterMs: 1_000,
        cause: error,
      });
    default:
      return error;
  }
}
