import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Aborted, DomainError, NotFound } from "#internal/pkg/errors/errors.ts";
import { createLogger } from "#internal/pkg/logger/logger.ts";
import { runOn } from "../../../../scripts/postgres/scratch-database.ts";
import { createTestDatabase, type TestDatabase } from "../../../../test/database/test-database.ts";
import { type Database, openDatabase } from "../database.ts";
import type { UserRepository } from "../model/user-repository.ts";
import { createInMemoryUserRepository } from "./in-memory-user-repository.ts";
import { call } from "./user.fixture.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 40);

const logger = createLogger({ level: "error", format: "json", service: "test", version: "test" });
const failure = new Error("work failed");

/** Few of each, so that they meet. */
const id = fc.constantFrom(...[1, 2, 3, 4].map((n) => `01990000-0000-7000-8000-00000000000${n}`));
const email = fc.constantFrom(
  "ada@example.org",
  "ADA@example.org",
  "eve@example.org",
  "Ev\u00e9@x.org",
  "eve\u0301@x.org",
);
const displayName = fc.string({ unit: "grapheme", maxLength: 20 }).filter((name) => !name.includes("\0"));
const time = fc.date({ min: new Date(-1e12), max: new Date(4e12), noInvalidDate: true });
const version = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined });

const simple = fc.oneof(
  fc.record({ kind: fc.constant("insert" as const), id, email, displayName, time }),
  fc.record({ kind: fc.constant("get" as const), id }),
  fc.record({ kind: fc.constant("list" as const), afterId: fc.option(id, { nil: undefined }), limit: fc.nat(5) }),
  fc.record({
    kind: fc.constant("update" as const),
    id,
    fields: fc.record({ email, displayName }, { requiredKeys: [] }),
    time,
    version,
  }),
  fc.record({ kind: fc.constant("delete" as const), id, version }),
);
type Simple = typeof simple extends fc.Arbitrary<infer T> ? T : never;
type Operation = Simple | { kind: "transaction"; operations: Operation[]; fails: boolean };

const operation: fc.Arbitrary<Operation> = fc.letrec<{ operation: Operation }>((tie) => ({
  operation: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    { weight: 5, arbitrary: simple },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("transaction" as const),
        operations: fc.array(tie("operation"), { maxLength: 5 }),
        fails: fc.boolean(),
      }),
    },
  ),
})).operation;

async function perform(users: UserRepository, op: Operation): Promise<unknown> {
  switch (op.kind) {
    case "insert": {
      const { id, email, displayName, time } = op;
      return users.insert({ id, email, displayName, version: 1, createTime: time, updateTime: time }, call);
    }
    case "get":
      return users.get(op.id, call);
    case "list":
      return users.list({ limit: op.limit, ...(op.afterId !== undefined && { afterId: op.afterId }) }, call);
    case "update": {
      const change = { fields: op.fields, updateTime: op.time };
      return users.update(op.id, { ...change, ...(op.version !== undefined && { version: op.version }) }, call);
    }
    case "delete":
      return users.delete(op.id, op.version, call);
    case "transaction":
      return users.transaction(async (inner) => {
        const outcomes: unknown[] = [];
        for (const each of op.operations) {
          outcomes.push(
            await perform(inner, each).catch((error) => {
              // The only ones after which a transaction can go on, but for that of another one within.
              if (each.kind === "transaction" || error instanceof NotFound || error instanceof Aborted)
                return outcomeOf(error);
              throw error;
            }),
          );
        }
        if (op.fails) throw failure;
        return outcomes;
      }, call);
  }
}

function outcomeOf(error: unknown): string {
  if (error === failure) return failure.message;
  return error instanceof DomainError ? error.reason : "unknown error";
}

async function performAll(users: UserRepository, operations: readonly Operation[]): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (const each of operations) outcomes.push(await perform(users, each).catch(outcomeOf));
  return [...outcomes, await users.list({ limit: 100 }, call)];
}

describe("the in-memory and the Prisma user repository", () => {
  let testDatabase: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    testDatabase = await createTestDatabase("user-service");
    database = openDatabase({ url: testDatabase.url, applicationName: "test" }, logger);
  });

  afterAll(async () => {
    await database?.close();
    await testDatabase?.drop();
  });

  it("answer any sequence of operations alike", { timeout: 60_000 + RUNS * 500 }, async () => {
    const seen = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 30 }), async (operations) => {
        await runOn(testDatabase.url, "TRUNCATE users");
        const expected = await performAll(createInMemoryUserRepository(), operations);
        expect(await performAll(database.users, operations)).toEqual(expected);
        for (const outcome of expected) seen.add(typeof outcome === "string" ? outcome : "a value");
      }),
      { numRuns: RUNS, seed: 20261120 },
    );
    // The operations are such that each outcome comes up.
    const outcomes = ["EMAIL_TAKEN", "ETAG_MISMATCH", "USER_NOT_FOUND", "a value", "unknown error", "work failed"];
    expect([...seen].sort()).toEqual(outcomes);
  });
});
