import { randomUUID } from "node:crypto";
import pg from "pg";
import {
  MigrationError,
  type MigrationFile,
  type MigrationPlan,
  type MigrationRow,
  migrationChecksum,
  planMigrations,
  readMigrations,
} from "./migration-history.ts";

export interface MigrationOptions {
  /**
   * A PostgreSQL connection URI of a role that owns the tables. It must reach the server itself or a pooler in session mode:
   * the lock belongs to the connection.
   */
  readonly url: string;
  /** The folder that holds Prisma's `<timestamp>_<name>/migration.sql`. */
  readonly migrationsDir: string;
  /** How long to wait for a connection, in milliseconds. The default is 5,000. */
  readonly connectTimeoutMs?: number;
  /**
   * Ends the call, which rejects with the signal's reason and leaves nothing half-done: the migration at hand is cancelled as a
   * whole (one that could leave a part behind runs to its end), those before it stay applied.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface MigrateOptions extends MigrationOptions {
  /** How long to wait while somebody else migrates, in milliseconds. The default is 60,000. */
  readonly waitTimeoutMs?: number;
  /**
   * How long a statement of a migration waits for a lock, in milliseconds: all that comes to the table after it waits too.
   * A migration may set its own (`SET lock_timeout = …`). The default is 10,000. There is no limit to how long a statement runs.
   */
  readonly lockTimeoutMs?: number;
  /** Told once that another process migrates the database, and that its end is waited for. */
  readonly onWaiting?: () => void;
  /** Told of every migration once it is applied. */
  readonly onApplied?: (name: string, durationMs: number) => void;
}

export interface MigrationStatus {
  /** Names of the migrations that stand in the database, in their order. */
  readonly applied: readonly string[];
  /** Names of those that are yet to be applied, in their order. */
  readonly pending: readonly string[];
  /** Names of applied ones that are newer than all of this image: worth a warning, as after a rollback of the image. */
  readonly newer: readonly string[];
}

export interface MigrateResult {
  /** Names of the migrations that this call applied, in their order. */
  readonly applied: readonly string[];
  /** See {@link MigrationStatus.newer}. */
  readonly newer: readonly string[];
}

/** Prisma's own lock: its engine and this runner exclude each other. */
const PRISMA_ADVISORY_LOCK = 72_707_369;
const LOCK_NOT_AVAILABLE = "55P03";

/** Undoes what a migration has set for its session: the next one, and the table of migrations, must not see it. */
const RESET_SESSION = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL";

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

/**
 * Applies the pending migrations of a folder, one after the other, and records them as Prisma's engine does, so that either
 * may go on where the other ended. Several processes may call it at once: one migrates, the others wait and find nothing to do.
 *
 * A file goes to the server as one query. PostgreSQL runs several statements of a query in one transaction unless they say
 * otherwise (its manual, 53.2.2.1), so a migration applies as a whole or not at all; what cannot run in a transaction, such as
 * `CREATE INDEX CONCURRENTLY`, needs a file of its own.
 *
 * @throws {MigrationError} when the history of the database and the folder do not fit, or a migration fails.
 * @throws {Error} of pg when the database cannot be reached; the reason of `signal` once that has fired.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const files = await readMigrations(options.migrationsDir);
  return withClient(options, async (client) => {
    await lock(client, options);
    const plan = planMigrations(files, (await readHistory(client)) ?? (await startHistory(client)));
    for (const file of plan.pending) {
      options.signal?.throwIfAborted();
      const startedAt = performance.now();
      await client.query(`SET lock_timeout = ${Number(options.lockTimeoutMs ?? 10_000)}`);
      await apply(client, options, file);
      options.onApplied?.(file.name, Math.round(performance.now() - startedAt));
    }
    return { applied: plan.pending.map((file) => file.name), newer: plan.newer };
  });
}

/**
 * Says what {@link migrate} would do, and changes nothing.
 *
 * @throws {MigrationError} when the history of the database and the folder do not fit.
 * @throws {Error} of pg when the database cannot be reached.
 */
export async function migrationStatus(options: MigrationOptions): Promise<MigrationStatus> {
  const files = await readMigrations(options.migrationsDir);
  return withClient(options, async (client) => {
    const plan: MigrationPlan = planMigrations(files, (await readHistory(client)) ?? []);
    return { applied: plan.applied, pending: plan.pending.map((file) => file.name), newer: plan.newer };
  });
}

async function withClient<T>(options: MigrationOptions, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const { signal } = options;
  signal?.throwIfAborted();
  const client = createClient(options);
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    // Frees the lock too. A connection that is already gone cannot fail what was done.
    await client.end().catch(() => {});
  }
}

function createClient(options: MigrationOptions): pg.Client {
  const client = new pg.Client({
    connectionString: options.url,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    application_name: "migrate",
    keepAlive: true,
  });
  // A connection that breaks fails the query at hand, or the next one; the event says nothing more.
  client.on("error", () => {});
  return client;
}

/** Runs a statement that the signal cancels. Once it settles, no cancel is on its way that could hit what comes next. */
async function cancellable(client: pg.Client, options: MigrationOptions, sql: string): Promise<void> {
  const { signal } = options;
  let cancelled: Promise<void> | undefined;
  const cancel = () => {
    cancelled = cancelStatement(client, options);
  };
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    const running = client.query(sql);
    if (signal?.aborted) cancel();
    await running;
  } finally {
    signal?.removeEventListener("abort", cancel);
    await cancelled;
  }
}

/** By a second connection, as psql does at Ctrl-C. */
async function cancelStatement(target: pg.Client, options: MigrationOptions): Promise<void> {
  const client = createClient(options);
  try {
    await client.connect();
    // Missing from pg's types; set once connected.
    await client.query("SELECT pg_cancel_backend($1)", [(target as pg.Client & { processID: number }).processID]);
  } catch {
    // The statement goes on to its end, or to its lock timeout.
  } finally {
    await client.end().catch(() => {});
  }
}

async function lock(client: pg.Client, options: MigrateOptions): Promise<void> {
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

/** The rows of the table, the oldest first, or undefined where there is none. */
async function readHistory(client: pg.Client): Promise<MigrationRow[] | undefined> {
  const table = await client.query("SELECT to_regclass('_prisma_migrations') AS name");
  if (table.rows[0]?.name === null) return undefined;
  const history = await client.query<MigrationRow>(
    `SELECT migration_name, checksum, started_at, finished_at, rolled_back_at, logs
       FROM _prisma_migrations ORDER BY started_at`,
  );
  return history.rows;
}

async function startHistory(client: pg.Client): Promise<MigrationRow[]> {
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

async function apply(client: pg.Client, options: MigrateOptions, { name, sql }: MigrationFile): Promise<void> {
  const id = randomUUID();
  await client.query(
    "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ($1, $2, $3, clock_timestamp())",
    [id, migrationChecksum(sql), name],
  );
  try {
    if (MAY_APPLY_IN_PART.test(sql)) await client.query(sql);
    else await cancellable(client, options, sql);
    if (client.getTransactionStatus() !== "I") throw new Error("it leaves a transaction open: COMMIT is missing");
  } catch (error) {
    await recordFailure(client, id, sql, error);
    throw new MigrationError("failed", `migration ${name} failed: ${describe(error)}`, name, error);
  }
  await client.query(RESET_SESSION);
  await client.query(
    "UPDATE _prisma_migrations SET applied_steps_count = 1, finished_at = clock_timestamp() WHERE id = $1",
    [id],
  );
}

/**
 * Without these words a file is one transaction, or one statement that leaves nothing behind when it fails. Where one of them
 * stands in a comment or the body of a function, somebody looks at the database in vain; never the other way round.
 */
const MAY_APPLY_IN_PART = /\b(abort|begin|call|commit|concurrently|end|prepare|rollback|savepoint|start)\b/i;

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

function describe(error: unknown): string {
  if (!(error instanceof pg.DatabaseError)) return String(error instanceof Error ? error.message : error);
  const { message, code, detail, hint, position } = error;
  const facts = [`SQLSTATE ${code}`, detail, hint && `hint: ${hint}`, position && `at character ${position}`];
  return `${message} (${facts.filter(Boolean).join("; ")})`;
}
