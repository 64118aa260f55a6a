import { Aborted, DeadlineExceeded, Unavailable } from "#internal/pkg/errors/errors.ts";

/**
 * What Prisma and pg throw, told apart by codes alone: the texts name tables and hold SQL, and change with versions.
 * Prisma's codes: https://www.prisma.io/docs/orm/reference/error-reference, PostgreSQL's: appendix A of its manual.
 */
const PRISMA_UNIQUE_VIOLATION = "P2002";
const PRISMA_RECORD_NOT_FOUND = "P2025";

const STATEMENT_TIMEOUT: ReadonlySet<unknown> = new Set(["57014"]);
// A deadlock, or two transactions that cannot both be: PostgreSQL undid one of them.
const CONFLICT: ReadonlySet<unknown> = new Set(["P2034"]);
const UNAVAILABLE: ReadonlySet<unknown> = new Set([
  // PostgreSQL: shutting down, crashed, starting, too many connections, connection lost, lock not free in time.
  ...["57P01", "57P02", "57P03", "53300", "08000", "08001", "08003", "08004", "08006", "55P03"],
  // Prisma: cannot reach, timed out, connection closed, pool exhausted, transaction not started or ended in time.
  ...["P1001", "P1002", "P1008", "P1017", "P2024", "P2028", "P2037"],
  // Node: refused, reset, gone, not found.
  ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"],
]);

/** Whether `error` says that a value of this column, or of the constraint that has its name in its own, is taken. */
export function isUniqueViolation(error: unknown, column: string): boolean {
  const { code, meta } = asDatabaseError(error);
  if (code !== PRISMA_UNIQUE_VIOLATION) return false;
  // Its place and its form vary with the version and the adapter.
  return JSON.stringify(meta?.driverAdapterError?.cause?.constraint ?? meta?.target ?? "").includes(column);
}

/** Whether `error` says that no row matched an update's or a delete's condition. */
export function isRecordNotFound(error: unknown): boolean {
  return asDatabaseError(error).code === PRISMA_RECORD_NOT_FOUND;
}

/** The error to throw instead: of the taxonomy where the database's trouble is known, else `error` itself. */
export function translateDatabaseError(error: unknown): unknown {
  const { code, meta } = asDatabaseError(error);
  const isOneOf = (codes: ReadonlySet<unknown>) =>
    codes.has(code) || codes.has(meta?.driverAdapterError?.cause?.originalCode);
  if (isOneOf(STATEMENT_TIMEOUT)) {
    return new DeadlineExceeded({ reason: "DATABASE_TIMEOUT", message: "the database took too long", cause: error });
  }
  if (isOneOf(CONFLICT)) {
    const message = "another change at the same time got in the way; try again";
    return new Aborted({ reason: "DATABASE_CONFLICT", message, cause: error });
  }
  if (isOneOf(UNAVAILABLE)) {
    return new Unavailable({
      reason: "DATABASE_UNAVAILABLE",
      message: "the database does not answer; try again",
      retryAfterMs: 1_000,
      cause: error,
    });
  }
  return error;
}

/** Prisma's error with what its adapter says inside, or an error of pg or Node, which has a `code` only. */
interface DatabaseError {
  readonly code?: unknown;
  readonly meta?: {
    readonly target?: unknown;
    readonly driverAdapterError?: {
      readonly cause?: { readonly originalCode?: unknown; readonly constraint?: unknown };
    };
  };
}

function asDatabaseError(error: unknown): DatabaseError {
  return (error ?? {}) as DatabaseError;
}
