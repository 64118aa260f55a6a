import { expect, test } from "vitest";
import { controlsTransactions } from "./transaction-control.ts";

test.each([
  "BEGIN; CREATE TABLE a (); COMMIT;",
  "CREATE TABLE a ();\ncommit",
  "CREATE TABLE a (); /* now */ COMMIT;",
  "-- one\n-- two\nSTART TRANSACTION;",
  "SELECT 'it''s'; ROLLBACK",
  String.raw`SELECT E'\''; COMMIT; --'`,
  "SELECT 'a\\'; COMMIT; --'",
  "SELECT $$ $a$ $$; COMMIT; SELECT $$ $$",
  "SELECT $a$ $A$; $a$; COMMIT; SELECT $A$ $A$",
  'SELECT 1 AS "a"";"; COMMIT; SELECT 1 AS """"',
  "SELECT a$b$; COMMIT; SELECT a$b$",
  "SAVEPOINT a; RELEASE a",
  "PREPARE  TRANSACTION 'a'",
  // Safe to take for one: PostgreSQL reads a comment in a comment.
  "/* a /* b */ ; */ COMMIT",
])("sees the transactions of: %s", (sql) => {
  expect(controlsTransactions(sql)).toBe(true);
});

test.each([
  "",
  'CREATE TABLE a (start int, "end" int, commit int);\nALTER TABLE a RENAME commit TO rollback;',
  "-- COMMIT;\nSELECT 1; -- ; COMMIT",
  "SELECT 1; /* then\n; COMMIT; */ SELECT 2",
  "SELECT '; COMMIT;', E'\\'; COMMIT;', '''; COMMIT;'",
  "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN; RETURN 1; END; $$;",
  "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$ BEGIN; RETURN '$$'; END; $body$;",
  "SELECT CASE WHEN true THEN 1\nEND;",
  'SELECT 1 AS "; COMMIT"',
  "PREPARE a AS SELECT 1",
  "CREATE INDEX CONCURRENTLY a ON b (c)",
])("sees none in: %s", (sql) => {
  expect(controlsTransactions(sql)).toBe(false);
});
