import { DeadlineExceeded, Unavailable } from "#internal/pkg/errors/errors.ts";

/**
 * What Prisma and pg throw, told apart by codes alone: the texts name tables and hold SQL, and change with versions.
 * Prisma's codes: https://www.prisma.io/docs/orm/reference/error-reference, PostgreSQL's: appendix A of its manual.
 */
const PRISMA_UNIQUE_VIOLATION = "P2002";
const PRISMA_RECORD_NOT_FOUND = "P2025";

const STATEMENT_TIMEOUT: ReadonlySet<string> = new Set(["57014"]);
const UNREACHABLE: ReadonlySet<string> = new Set([
  // PostgreSQL: shutting down, crashed, starting, too many connections, connection lost.
  ...["57P01", "57P02", "57P03", "53300", "08000", "08001", "08003", "08004", "08006"],
  // Prisma: cannot reach, timed out, connection closed, pool exhausted, transaction not started in time.
  ...["P1001", "P1002", "P1008", "P1017", "P2024", "P2028", "P2037"],
  // Node: refused, reset, gone, not found.
  ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH"],
]);

/** Whether `error` says that a value of this column, or of the constraint that has its name in its own, is taken. */
export function isUniqueViolation(error: unknown, column: string): boolean {
  if (codeOf(error) !== PRISMA_UNIQUE_VIOLATION) return false;
  // The place of the columns' or the constraint's name in `meta` varies with the version and the adapter.
  return JSON.stringify((error as { meta?: unknown }).meta ?? {}).includes(column);
}

/** Whether `error` says that no row matched an update's or a delete's condition. */
export function isRecordNotFound(error: unknown): boolean {
  return codeOf(error) === PRISMA_RECORD_NOT_FOUND;
}

/** The error to throw instead: of the taxonomy where the database's trouble is known, else `error` itself. */
export function translateDatabaseError(error: unknown): unknown {
  const codes = [...codesWithin(error)];
  if (codes.some((code) => STATEMENT_TIMEOUT.has(code))) {
    return new DeadlineExceeded({ reason: "DATABASE_TIMEOUT", message: "the database took too long", cause: error });
  }
  if (codes.some((code) => UNREACHABLE.has(code))) {
    return new Unavailable({
      reason: "DATABASE_UNAVAILABLE",
      message: "the database does not answer; try again",
      retryAfterMs: 1_000,
      cause: error,
    });
  }
  return error;
}

/** The codes of an error and of what caused it; an adapter's error has PostgreSQL's code deeper inside. */
function* codesWithin(error: unknown, depth = 0): Generator<string> {
  if (typeof error !== "object" || error === null || depth > 5) return;
  const { code, originalCode, cause, meta } = error as Record<string, unknown>;
  if (typeof code === "string") yield code;
  if (typeof originalCode === "string") yield originalCode;
  yield* codesWithin(cause, depth + 1);
  yield* codesWithin(meta, depth + 1);
  if (typeof meta === "object" && meta !== null && "driverAdapterError" in meta) {
    yield* codesWithin(meta.driverAdapterError, depth + 1);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
