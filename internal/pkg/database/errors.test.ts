import { PrismaClientKnownRequestError } from "@prisma/client/runtime/client";
import { DriverAdapterError, type Error as DriverError } from "@prisma/driver-adapter-utils";
import { describe, expect, it } from "vitest";
import { NotFound } from "#internal/pkg/errors/errors.ts";
import { isRecordNotFound, translateDatabaseError } from "./errors.ts";

/** As Prisma 7 throws it: its own code and, where the database had a say, what the adapter made of that. */
function prismaError(code: string, cause?: DriverError): PrismaClientKnownRequestError {
  const meta = { modelName: "User", ...(cause && { driverAdapterError: new DriverAdapterError(cause) }) };
  return new PrismaClientKnownRequestError(`Invalid \`users.create()\` invocation: ${code}`, {
    code,
    clientVersion: "7.10.0",
    meta,
  });
}

/** PostgreSQL's error as the adapter passes it on where it has no name of its own for it. */
function postgresCause(code: string): DriverError {
  const message = `something about "users"`;
  return {
    kind: "postgres",
    originalCode: code,
    originalMessage: message,
    code,
    severity: "ERROR",
    message,
    detail: undefined,
    column: undefined,
    hint: undefined,
  };
}

function nodeError(code: string): Error {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:5432`), { code, errno: -1, syscall: "connect" });
}

describe("translateDatabaseError", () => {
  it.each([
    ["a model's query", prismaError("P2039", postgresCause("57014"))],
    ["a raw query", prismaError("P2010", postgresCause("57014"))],
    ["pg alone", Object.assign(new Error("canceling statement"), { code: "57014" })],
  ])("turns a statement timeout of %s into DeadlineExceeded", (_, error) => {
    expect(translateDatabaseError(error)).toMatchObject({
      name: "DeadlineExceeded",
      reason: "DATABASE_TIMEOUT",
      message: "the database took too long",
      cause: error,
    });
  });

  it.each([
    ["deadlock", "40P01"],
    ["serialisation failure", "40001"],
  ])("turns a %s into Aborted", (_, originalCode) => {
    const cause = { kind: "TransactionWriteConflict", originalCode, originalMessage: "detected" } as const;
    const error = prismaError("P2034", cause);
    expect(translateDatabaseError(error)).toMatchObject({
      name: "Aborted",
      reason: "DATABASE_CONFLICT",
      message: "another change at the same time got in the way; try again",
      cause: error,
    });
  });

  it.each<[string, Error]>([
    ["the server cannot be reached", prismaError("P1001", { kind: "DatabaseNotReachable", host: "db", port: 5432 })],
    ["the connection was reset", prismaError("P1017", { kind: "ConnectionClosed" })],
    ["the server is slow to answer", prismaError("P1008", { kind: "SocketTimeout" })],
    ["a transaction expired or could not begin", prismaError("P2028")],
    ["the server has too many connections", prismaError("P2037", { kind: "TooManyConnections", cause: "sorry" })],
    ["the server is going down", prismaError("P2039", postgresCause("57P01"))],
    ["the server is starting", prismaError("P2039", postgresCause("57P03"))],
    ["a lock is not free in time", prismaError("P2039", postgresCause("55P03"))],
    ["the pool has no connection in time, in a query", prismaError("08006")],
    ["the pool has no connection in time, alone", Object.assign(new Error("timeout exceeded"), { code: "08006" })],
    ["there is no way to the server", nodeError("EHOSTUNREACH")],
    ["the name server does not answer", nodeError("EAI_AGAIN")],
    ["the connection broke while writing", nodeError("EPIPE")],
    ["the server takes no writes", prismaError("P2039", postgresCause("25006"))],
    ["the server is out of memory", prismaError("P2039", postgresCause("53200"))],
  ])("turns it into Unavailable when %s", (_, error) => {
    expect(translateDatabaseError(error)).toMatchObject({
      name: "Unavailable",
      reason: "DATABASE_UNAVAILABLE",
      message: "the database does not answer; try again",
      metadata: {},
      retryAfterMs: 1_000,
      cause: error,
    });
  });

  it("turns a reference that leads nowhere into FailedPrecondition", () => {
    const error = prismaError("P2003", { kind: "ForeignKeyConstraintViolation", constraint: { index: "x_fkey" } });
    expect(translateDatabaseError(error)).toMatchObject({
      name: "FailedPrecondition",
      reason: "REFERENCE_VIOLATION",
      message: "something that this refers to does not exist, or something still refers to this",
      metadata: {},
      cause: error,
    });
  });

  it.each<[string, unknown]>([
    ["a check that failed", prismaError("P2039", postgresCause("23514"))],
    ["a null that may not be", prismaError("P2011", { kind: "NullConstraintViolation" })],
    ["a violated constraint", prismaError("P2002", { kind: "UniqueConstraintViolation" })],
    ["a table that is not there", prismaError("P2021", { kind: "TableDoesNotExist", table: "users" })],
    ["a character that PostgreSQL does not take", prismaError("P2039", postgresCause("22021"))],
    ["an error whose text speaks of a timeout", new Error("timeout exceeded when trying to connect")],
    ["an error whose text has a code", new Error("57014 08006 ECONNREFUSED P1001")],
    ["an error with a numeric code", Object.assign(new Error("aborted"), { code: 57014 })],
    ["a mistake in the program", new TypeError("undefined is not a function")],
    ["one of the taxonomy", new NotFound({ reason: "X", message: "x", resource: { type: "x", name: "x" } })],
    ["a DOMException", new DOMException("gone", "AbortError")],
    ["a string", "P1001"],
    ["undefined", undefined],
    ["null", null],
  ])("leaves %s as it is", (_, error) => {
    expect(translateDatabaseError(error)).toBe(error);
  });
});

describe("isRecordNotFound", () => {
  it("is true of P2025 alone", () => {
    expect(isRecordNotFound(prismaError("P2025"))).toBe(true);
    for (const other of [prismaError("P2002"), new Error("P2025"), null]) expect(isRecordNotFound(other)).toBe(false);
  });
});
