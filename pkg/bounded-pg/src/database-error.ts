/**
 * What a failure of the database means to who asked it something:
 * - `unique`, `foreign_key`, `check`, `not_null`: the data would break this kind of rule;
 * - `record_not_found`: Prisma found no row to change;
 * - `conflict`: undone in favour of another transaction (serialization failure, deadlock): the whole may be repeated;
 * - `timeout`: the server worked on the statement for too long;
 * - `locked`: a lock was not free in time;
 * - `connection_lost`: the connection broke; whether a write was done is unknown;
 * - `unreachable`: no connection could be made, or none was free in time; nothing was done;
 * - `exhausted`: the server has too many connections, or too little memory or disk; nothing was done;
 * - `read_only`: the server takes no writes, as a primary does that became a standby;
 * - `call_ended`: nobody waits for the answer any more.
 */
export type DatabaseErrorKind = (typeof CODES)[number][0];

/** SQLSTATEs (appendix A of PostgreSQL's manual), Prisma's codes (its error reference), and Node's errnos. */
const CODES = [
  ["unique", ["23505", "P2002"]],
  ["foreign_key", ["23503", "23001", "P2003", "P2014"]],
  ["check", ["23514", "23P01", "P2004"]],
  ["not_null", ["23502", "P2011"]],
  ["record_not_found", ["P2025"]],
  ["conflict", ["40001", "40P01", "P2034"]],
  ["timeout", ["57014"]],
  ["locked", ["55P03"]],
  ["connection_lost", ["08003", "08006", "08P01", "25P03", "25P04", "57P01", "57P02", "57P05", "P1017"]],
  ["connection_lost", ["ECONNRESET", "ECONNABORTED", "EPIPE"]],
  ["unreachable", ["08000", "08001", "08004", "57P03", "P1001", "P1002", "P1008", "P2024", "P2028"]],
  ["unreachable", ["ECONNREFUSED", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN"]],
  // Refused: a password that was changed, a database or a right that is gone. Not the call's fault, and it may come back.
  ["unreachable", ["28000", "28P01", "3D000", "P1000", "P1003"]],
  ["exhausted", ["53000", "53100", "53200", "53300", "53400", "P2037"]],
  ["read_only", ["25006"]],
  ["call_ended", ["CALL_ENDED"]],
] as const;

const KIND_BY_CODE = new Map<unknown, DatabaseErrorKind>(
  CODES.flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const)),
);

/**
 * What kind of failure `error` is, be it pg's, Node's or Prisma's; undefined when none of the database, or a defect, such
 * as bad SQL. Decided by codes alone: texts change with versions, and hold what users sent.
 */
export function databaseErrorKind(error: unknown): DatabaseErrorKind | undefined {
  const { code, meta } = (error ?? {}) as DatabaseError;
  return KIND_BY_CODE.get(code) ?? KIND_BY_CODE.get(meta?.driverAdapterError?.cause?.originalCode);
}

/** Whether `error` says that a value of this column, or of the constraint that has its name in its own, is taken. */
export function isUniqueViolation(error: unknown, column: string): boolean {
  if (databaseErrorKind(error) !== "unique") return false;
  const { constraint, meta } = error as DatabaseError;
  // Its place and its form vary with the driver, the version and the adapter.
  const place = meta?.driverAdapterError?.cause?.constraint ?? meta?.target ?? constraint ?? "";
  return JSON.stringify(place).includes(column);
}

/** Prisma's error with what its adapter says inside, or one of pg or Node, which has a `code` only. */
interface DatabaseError {
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly meta?: {
    readonly target?: unknown;
    readonly driverAdapterError?: {
      readonly cause?: { readonly originalCode?: unknown; readonly constraint?: unknown };
    };
  };
}

/** The connection failed in a way that pg says in words alone, or that the pool found out. `code` is an SQLSTATE. */
export class ConnectionError extends Error {
  readonly code: "08001" | "08006";

  constructor(code: "08001" | "08006", message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ConnectionError";
    this.code = code;
  }
}

/** The call that a statement was for has ended, so that it was cancelled or not begun. */
export class CallEndedError extends Error {
  readonly code = "CALL_ENDED";

  constructor(cause?: unknown) {
    super("the call has ended", cause === undefined ? undefined : { cause });
    this.name = "CallEndedError";
  }
}
