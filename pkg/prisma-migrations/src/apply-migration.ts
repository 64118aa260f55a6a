import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type ConnectionOptions, cancellable } from "./connection.ts";
import { LOCK_NOT_AVAILABLE } from "./history-table.ts";
import { MigrationError, type MigrationFile, migrationChecksum } from "./migration-history.ts";
import { controlsTransactions } from "./transaction-control.ts";

export interface LockOptions {
  /**
   * How long a statement of a migration waits for a lock, in milliseconds. All that comes to the table after it waits as long,
   * so this must be shorter than what the service's own statements wait. A migration may set its own (`SET lock_timeout = …`).
   * The default is 1,000. There is no limit to how long a statement runs.
   */
  readonly lockTimeoutMs?: number;
  /**
   * How long to go on trying a migration that does not get its locks, in milliseconds, with growing pauses in which the table
   * is free. The default is 60,000; 0 tries once. A file that does not run in one transaction is tried once: of such a file
   * a statement with CONCURRENTLY, for which nobody waits, has all of this time for its locks.
   */
  readonly lockRetryMs?: number;
  /** Told of every try that did not get its locks and will be repeated, with the pause until then, in milliseconds. */
  readonly onRetry?: (name: string, pauseMs: number) => void;
}

type ApplyOptions = ConnectionOptions & LockOptions;

const DEADLOCK_DETECTED = "40P01";
const LOCK_CONFLICTS: ReadonlySet<string | undefined> = new Set([LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED]);

/** PostgreSQL's answers to what it does not run in a transaction: active_sql_transaction, and a COMMIT in DO or CALL. */
const NOT_IN_TRANSACTION: ReadonlySet<string | undefined> = new Set(["25001", "2D000"]);

/** Of the time that a try waits: pauses double up to this many. */
const LONGEST_PAUSE = 8;

/** Undoes what a migration has set for its session: the next one, and the table of migrations, must not see it. */
const RESET_SESSION = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL";

/**
 * Without these words a file is one transaction, or one statement that leaves nothing behind when it fails. Where one of them
 * stands in a comment or the body of a function, somebody looks at the database in vain; never the other way round.
 */
const MAY_APPLY_IN_PART = /\b(abort|begin|call|commit|concurrently|end|prepare|rollback|savepoint|start)\b/i;

/**
 * Applies a migration and records it: in one transaction, or, where the file does not run in one, step by step.
 *
 * @throws {MigrationError} `failed`
 */
export async function applyMigration(client: pg.Client, options: ApplyOptions, file: MigrationFile): Promise<void> {
  if (controlsTransactions(file.sql)) return applyInSteps(client, options, file);
  try {
    await applyWithRetries(client, options, file);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (NOT_IN_TRANSACTION.has(codeOf(error))) return applyInSteps(client, options, file);
    await recordUndone(client, file, error);
    throw failure(file.name, error, wayOut(error));
  }
}

/** A try that did not get its locks has left nothing behind, so that another starts from where it did. */
async function applyWithRetries(client: pg.Client, options: ApplyOptions, file: MigrationFile): Promise<void> {
  const { lockTimeoutMs = 1_000, lockRetryMs = 60_000, onRetry, signal } = options;
  const giveUpAt = performance.now() + lockRetryMs;
  for (let longest = 1; ; longest = Math.min(2 * longest, LONGEST_PAUSE)) {
    try {
      return await applyInTransaction(client, options, file);
    } catch (error) {
      // At least as long as the try: the table is free for half of the time and more. Jitter, or it could keep meeting the same job.
      const pauseMs = Math.round(lockTimeoutMs * longest * (1 + Math.random() / 4));
      if (!LOCK_CONFLICTS.has(codeOf(error)) || performance.now() + pauseMs > giveUpAt) throw error;
      signal?.throwIfAborted();
      onRetry?.(file.name, pauseMs);
      await sleep(pauseMs, undefined, { signal });
    }
  }
}

/**
 * The file and its row of the history are one query, which PostgreSQL runs in one transaction (its manual, 53.2.2.1): whatever
 * becomes of this process meanwhile, the database has both or neither, and waits for nothing more from here.
 */
async function applyInTransaction(
  client: pg.Client,
  options: ApplyOptions,
  { name, sql }: MigrationFile,
): Promise<void> {
  // A query of several statements takes no parameters. now() is when the transaction began.
  const values = [randomUUID(), migrationChecksum(sql), name].map((value) => pg.escapeLiteral(value)).join(", ");
  const record =
    "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count) " +
    `VALUES (${values}, now(), clock_timestamp(), 1)`;
  await prepareSession(client, options.lockTimeoutMs ?? 1_000);
  // The line break ends a comment, the semicolon a statement that the file leaves open.
  await cancellable(client, options, `${sql}\n;${RESET_SESSION}; ${record}`);
}

async function recordUndone(client: pg.Client, { name, sql }: MigrationFile, error: unknown): Promise<void> {
  const insert =
    "INSERT INTO _prisma_migrations (id, checksum, migration_name, logs, started_at, rolled_back_at) " +
    "VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp())";
  // Where the connection is gone, the file was applied and recorded, or neither: the next run finds out.
  await client.query(insert, [randomUUID(), migrationChecksum(sql), name, describe(error)]).catch(() => {});
}

/** As Prisma's engine does: a row when it begins, which is finished when it ends. */
async function applyInSteps(client: pg.Client, options: ApplyOptions, { name, sql }: MigrationFile): Promise<void> {
  const { lockTimeoutMs = 1_000, lockRetryMs = 60_000 } = options;
  const id = randomUUID();
  await client.query(
    "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ($1, $2, $3, clock_timestamp())",
    [id, migrationChecksum(sql), name],
  );
  try {
    const waitsAlone = !controlsTransactions(sql) && /\bconcurrently\b/i.test(sql);
    await prepareSession(client, waitsAlone ? Math.max(lockTimeoutMs, lockRetryMs) : lockTimeoutMs);
    if (MAY_APPLY_IN_PART.test(sql)) await client.query(sql);
    else await cancellable(client, options, sql);
    if (client.getTransactionStatus() !== "I") throw new Error("it leaves a transaction open: COMMIT is missing");
  } catch (error) {
    await recordFailure(client, id, sql, error);
    throw failure(name, error);
  }
  await client.query(RESET_SESSION);
  await client.query(
    "UPDATE _prisma_migrations SET applied_steps_count = 1, finished_at = clock_timestamp() WHERE id = $1",
    [id],
  );
}

/** Leaves the row as Prisma's engine does, but spares the operator a repair where PostgreSQL has surely undone it all. */
async function recordFailure(client: pg.Client, id: string, sql: string, error: unknown): Promise<void> {
  const undone = error instanceof pg.DatabaseError && !MAY_APPLY_IN_PART.test(sql);
  try {
    await client.query(`ROLLBACK; ${RESET_SESSION}`);
    await client.query(
      "UPDATE _prisma_migrations SET logs = $2, rolled_back_at = CASE WHEN $3 THEN clock_timestamp() END WHERE id = $1",
      [id, describe(error), undone],
    );
  } catch {
    // The connection is gone: the row stays unfinished, which the next run refuses to step over.
  }
}

/** Also has the server notice within half a minute that this machine is gone: until then its session keeps the lock on migrating. */
async function prepareSession(client: pg.Client, lockTimeoutMs: number): Promise<void> {
  await client.query(
    `SET lock_timeout = ${Number(lockTimeoutMs)};
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 30000`,
  );
}

const HOW_TO_GET_LOCKS =
  "Nothing of it was applied. A long transaction, often a backup, holds what it needs: wait for its end or end it, then migrate " +
  "again; which one: SELECT pid, application_name, xact_start, query FROM pg_stat_activity WHERE datname = " +
  "current_database() AND xact_start IS NOT NULL ORDER BY xact_start";

function wayOut(error: unknown): string | undefined {
  if (!(error instanceof pg.DatabaseError)) return "It was applied as a whole or not at all: migrate again";
  return LOCK_CONFLICTS.has(error.code) ? HOW_TO_GET_LOCKS : undefined;
}

function failure(name: string, error: unknown, whatToDo?: string): MigrationError {
  const message = `migration ${name} failed: ${describe(error)}`;
  return new MigrationError("failed", whatToDo ? `${message}. ${whatToDo}` : message, name, error);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

function describe(error: unknown): string {
  if (!(error instanceof pg.DatabaseError)) return String(error instanceof Error ? error.message : error);
  const { message, code, detail, hint, position } = error;
  const facts = [`SQLSTATE ${code}`, detail, hint && `hint: ${hint}`, position && `at character ${position}`];
  return `${message} (${facts.filter(Boolean).join("; ")})`;
}
