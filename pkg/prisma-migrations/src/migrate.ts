import { applyMigration, type LockOptions } from "./apply-migration.ts";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { lockHistory, readHistory, readPlan, startHistory } from "./history-table.ts";
import { planMigrations, readMigrations } from "./migration-history.ts";

export interface MigrationOptions extends ConnectionOptions {
  /** The folder that holds Prisma's `<timestamp>_<name>/migration.sql`. */
  readonly migrationsDir: string;
}

export interface MigrateOptions extends MigrationOptions, LockOptions {
  /** How long to wait while somebody else migrates, in milliseconds. The default is 60,000. */
  readonly waitTimeoutMs?: number;
  /** Told once that another process migrates the database, and that its end is waited for. */
  readonly onWaiting?: () => void;
  /** Told of every migration once it is applied. */
  readonly onApplied?: (name: string, durationMs: number) => void;
}

export interface MigrationStatus {
  /** Names of the migrations that stand in the database, in their order. */
  readonly applied: readonly string[];
  /** Names of those that are yet to be applied, in their order, one that somebody else is at included. */
  readonly pending: readonly string[];
  /**
   * Names of those in the database that are newer than all of this image, finished or not: worth a warning, as after a rollback
   * of the image, or while a newer one migrates.
   */
  readonly newer: readonly string[];
}

export interface MigrateResult {
  /** Names of the migrations that this call applied, in their order. */
  readonly applied: readonly string[];
  /** See {@link MigrationStatus.newer}. */
  readonly newer: readonly string[];
}

/**
 * Applies the pending migrations of a folder, one after the other, and records them as Prisma's engine does, so that either
 * may go on where the other ended. Several processes may call it at once: one migrates, the others wait and find nothing to do.
 * Where nothing is pending it waits for nobody: an image that a newer one is about to replace must still start.
 *
 * A file and its row of the history are one transaction, so a migration applies as a whole or not at all, even if this process
 * is killed. A file with transactions of its own, or one that cannot run in any, such as `CREATE INDEX CONCURRENTLY` (alone in
 * its file), has a row that says so while it runs, and may leave a part behind.
 *
 * @throws {MigrationError} when the history of the database and the folder do not fit, or a migration fails.
 * @throws {Error} of pg when the database cannot be reached; the reason of `signal` once that has fired.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const files = await readMigrations(options.migrationsDir);
  return withClient(options, async (client) => {
    const found = await readPlan(client, files);
    if (found.pending.length === 0) return { applied: [], newer: found.newer };
    await lockHistory(client, options);
    const plan = planMigrations(files, (await readHistory(client)) ?? (await startHistory(client)));
    for (const file of plan.pending) {
      options.signal?.throwIfAborted();
      const startedAt = performance.now();
      await applyMigration(client, options, file);
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
    const plan = await readPlan(client, files);
    return { applied: plan.applied, pending: plan.pending.map((file) => file.name), newer: plan.newer };
  });
}
