import { describe, expect, test } from "vitest";
import { CallEndedError, ConnectionError, databaseErrorKind, isUniqueViolation } from "./database-error.ts";

const coded = (code: unknown) => Object.assign(new Error("x"), { code });
const viaPrisma = (code: string, originalCode: string, rest = {}) => ({
  ...coded(code),
  code,
  meta: { driverAdapterError: { cause: { originalCode, ...rest } } },
});

test.each([
  ["unique", "23505", "P2002"],
  ["foreign_key", "23503", "P2003"],
  ["check", "23514", "P2004"],
  ["not_null", "23502", "P2011"],
  ["conflict", "40P01", "P2034"],
  ["timeout", "57014", "P2039"],
  ["locked", "55P03", "P2039"],
  ["connection_lost", "57P01", "P1017"],
  ["unreachable", "57P03", "P1001"],
  ["exhausted", "53300", "P2037"],
  ["read_only", "25006", "P2010"],
])("%s is told by PostgreSQL's %s, alone or within Prisma's %s", (kind, sqlState, prismaCode) => {
  expect(databaseErrorKind(coded(sqlState))).toBe(kind);
  expect(databaseErrorKind(viaPrisma(prismaCode, sqlState))).toBe(kind);
});

test.each([
  ["record_not_found", coded("P2025")],
  ["connection_lost", coded("ECONNRESET")],
  ["unreachable", coded("ENOTFOUND")],
  ["unreachable", new ConnectionError("08001", "x")],
  ["connection_lost", new ConnectionError("08006", "x", new Error("y"))],
  ["call_ended", new CallEndedError()],
])("%s is told by %s", (kind, error) => {
  expect(databaseErrorKind(error)).toBe(kind);
});

test.each([
  ["bad SQL", coded("42601")],
  ["a number", coded(57014)],
  ["words", new Error("57014 ECONNRESET P1001")],
  ["a string", "57014"],
  ["undefined", undefined],
  ["null", null],
])("%s is of no kind", (_, error) => {
  expect(databaseErrorKind(error)).toBeUndefined();
});

describe("isUniqueViolation", () => {
  test.each([
    ["Prisma's constraint", viaPrisma("P2002", "23505", { constraint: { index: "users_email_key_key" } })],
    ["Prisma's columns", viaPrisma("P2002", "23505", { constraint: { fields: ["email_key"] } })],
    ["Prisma's target", { code: "P2002", meta: { target: ["email_key"] } }],
    ["pg's constraint", { code: "23505", constraint: "users_email_key_key" }],
  ])("knows the column by %s", (_, error) => {
    expect(isUniqueViolation(error, "email_key")).toBe(true);
    expect(isUniqueViolation(error, "phone")).toBe(false);
  });

  test.each([
    ["one that names nothing", coded("23505")],
    ["another kind", { code: "23503", constraint: "email_key" }],
    ["no error", undefined],
  ])("does not take %s for one", (_, error) => {
    expect(isUniqueViolation(error, "email_key")).toBe(false);
  });
});

test.each(["28P01", "28000", "3D000", "P1000", "P1003"])(
  "a database that refuses the service (%s) is unreachable",
  (code) => {
    expect(databaseErrorKind(Object.assign(new Error("refused"), { code }))).toBe("unreachable");
  },
);
