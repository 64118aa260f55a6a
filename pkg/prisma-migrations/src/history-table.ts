import pg from "pg";
import { type ConnectionOptions, cancellable } from "./connection.ts";
import {
  MigrationError,
  type MigrationFile,
  type MigrationPlan,
  type MigrationRow,
  planMigrations,
} from "./migration-history.ts";

export const LOCK_NOT_AVAILABLE = "55P03";

/** Prisma's own lock: its engine and this runner exclude each other. */
const PRISMA_ADVISORY_LOCK = 72_707_369;

/** As Prisma's engine creates it. */
const CREATE_MIGRATIONS_TABLE = `
  CREATE TABLE _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`;

/** Tables in the schema in which migrations create theirs, less those that an extension brought. */
const COUNT_TABLES = `
  SELECT count(*)::int AS count FROM pg_class
  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')`;

/** Waits until nobody else migrates, and keeps everybody else from it until the connection ends. */
export async function lockHistory(
  client: pg.Client,
  options: ConnectionOptions & { readonly waitTimeoutMs?: number; readonly onWaiting?: () => void },
): Promise<void> {
  const { waitTimeoutMs = 60_000, onWaiting } = options;
  const { rows } = await client.query(`SELECT pg_try_advisory_lock(${PRISMA_ADVISORY_LOCK}) AS locked`);
  if (rows[0]?.locked) return;
  onWaiting?.();
  try {
    await client.query(`SET lock_timeout = ${Number(waitTimeoutMs)}`);
    await cancellable(client, options, `SELECT pg_advisory_lock(${PRISMA_ADVISORY_LOCK})`);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== LOCK_NOT_AVAILABLE) throw error;
    throw new MigrationError(
      "locked",
      `another process has been migrating this database for ${waitTimeoutMs} ms. Try again once it is done; who holds ` +
        `the lock: SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${PRISMA_ADVISORY_LOCK}`,
      undefined,
      error,
    );
  }
}

/**
 * The plan for a database that others may be migrating: what they are at is pending.
 *
 * @throws {MigrationError} as {@link planMigrations}
 */
export async function readPlan(client: pg.Client, files: readonly MigrationFile[]): Promise<MigrationPlan> {
  const rows = (await readHistory(client)) ?? [];
  const settled = rows.every((row) => row.finished_at ?? row.rolled_back_at);
  return settled ? planMigrations(files, rows) : readUnsettledPlan(client, files);
}

/**
 * A migration that has not ended is under way if somebody holds the lock, and was cut off if not. Holding the lock while the
 * rows are read, shared and for no longer than that, keeps one from beginning in between.
 */
async function readUnsettledPlan(client: pg.Client, files: readonly MigrationFile[]): Promise<MigrationPlan> {
  // A transaction's lock, unlike a session's, is safe with every pooler. READ COMMITTED: the rows are read after the lock.
  await client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY");
  const { rows } = await client.query(`SELECT pg_try_advisory_xact_lock_shared(${PRISMA_ADVISORY_LOCK}) AS locked`);
  const history = (await readHistory(client)) ?? [];
  await client.query("COMMIT");
  return planMigrations(files, history, { underWay: !rows[0]?.locked });
}

/** The rows of the table, the oldest first, or undefined where there is none. */
export async function readHistory(client: pg.Client): Promise<MigrationRow[] | undefined> {
  const table = await client.query("SELECT to_regclass('_prisma_migrations') AS name");
  if (table.rows[0]?.name === null) return undefined;
  const history = await client.query<MigrationRow>(
    `SELECT migration_name, checksum, started_at, finished_at, rolled_back_at, logs
       FROM _prisma_migrations ORDER BY started_at`,
  );
  return history.rows;
}

export async function startHistory(client: pg.Client): Promise<MigrationRow[]> {
  const tables = await client.query<{ count: number }>(COUNT_TABLES);
  if (tables.rows[0]?.count !== 0) {
    throw new MigrationError(
      "not_empty",
      "this database has tables, but no migration was ever applied to it. Check that it is the right one; to adopt it, " +
        "baseline it first (https://pris.ly/d/migrate-baseline)",
    );
  }
  await client.query(CREATE_MIGRATIONS_TABLE);
  return [];
}
