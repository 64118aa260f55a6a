import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** A migration of this image: a folder of Prisma's `migrations`. */
export interface MigrationFile {
  /** The folder's name, `20261120170000_create_users`: migrations are applied in the order of these. */
  readonly name: string;
  readonly sql: string;
}

/** A row of `_prisma_migrations`. A migration has several when it was rolled back and tried again. */
export interface MigrationRow {
  readonly migration_name: string;
  readonly checksum: string;
  readonly started_at: Date;
  readonly finished_at: Date | null;
  readonly rolled_back_at: Date | null;
  readonly logs: string | null;
}

export type MigrationErrorReason =
  /** A folder without a migration.sql, or no folder at all. */
  | "unreadable"
  /** The database has tables, and no migration made them: it is likely the wrong one. */
  | "not_empty"
  /** Somebody else held the lock for too long. */
  | "locked"
  /** An earlier run broke off, or failed in a way that may have left half of the migration behind. */
  | "incomplete"
  /** The file is no longer what was applied. */
  | "edited"
  /** A migration was applied that this image should know and does not. */
  | "unknown"
  /** A migration has not been applied, but a later one has. */
  | "hole"
  /** The database is behind, and was not to be migrated here. */
  | "pending"
  /** The database refused a statement of the migration just now. */
  | "failed";

/** Why the database was not migrated. The message says what to do about it. */
export class MigrationError extends Error {
  readonly reason: MigrationErrorReason;
  /** The migration that is the matter, unless all of them are. */
  readonly migration: string | undefined;

  constructor(reason: MigrationErrorReason, message: string, migration?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "MigrationError";
    this.reason = reason;
    this.migration = migration;
  }
}

export interface MigrationPlan {
  /** Names of the migrations that stand in the database, finished. */
  readonly applied: readonly string[];
  /** Yet to be applied, in this order. */
  readonly pending: readonly MigrationFile[];
  /** Names of migrations, finished or not, that come after all of this image: a newer one was here, or is at work. */
  readonly newer: readonly string[];
}

/**
 * Reads a folder of Prisma migrations, `<name>/migration.sql` each, in the order in which they are applied.
 *
 * @throws {MigrationError} `unreadable`
 */
export async function readMigrations(directory: string): Promise<MigrationFile[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw new MigrationError("unreadable", `cannot read the migrations in ${directory}`, undefined, error);
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const path = join(directory, name, "migration.sql");
      const sql = await readFile(path, "utf8").catch((error: unknown) => {
        throw new MigrationError("unreadable", `${path} is missing: restore it, or delete its folder`, name, error);
      });
      return { name, sql };
    }),
  );
}

/** What Prisma's engine writes into the column `checksum`: SHA-256 of the file, in hexadecimal digits. */
export function migrationChecksum(sql: string): string {
  return createHash("sha256").update(sql).digest("hex");
}

/**
 * Compares what an image brings with what a database has. Migrations newer than the image, finished or not, are the matter of the
 * image that brought them.
 *
 * @param underWay somebody else migrates: a migration that has not ended is pending, and not cut off
 * @throws {MigrationError} `incomplete`, `edited`, `unknown` or `hole`: going on could do harm.
 */
export function planMigrations(
  files: readonly MigrationFile[],
  rows: readonly MigrationRow[],
  { underWay = false } = {},
): MigrationPlan {
  const lastKnown = files.at(-1)?.name ?? "";
  const standing = rows.filter((row) => row.rolled_back_at === null);
  const newer = namesOf(standing.filter((row) => row.migration_name > lastKnown));
  const finished = standing.filter((row) => row.finished_at !== null);
  for (const row of standing) {
    if (row.finished_at === null && row.migration_name <= lastKnown) refuseIncomplete(row, underWay);
  }

  const applied = new Map(finished.map((row) => [row.migration_name, row]));
  const known = new Set(files.map((file) => file.name));
  const last = [...applied.keys(), ...newer].sort().at(-1) ?? "";

  for (const file of files) refuseEdited(file, applied.get(file.name));
  for (const name of applied.keys()) if (!known.has(name)) refuseUnknown(name, lastKnown);
  const pending = files.filter((file) => !applied.has(file.name));
  for (const file of pending) refuseHole(file.name, last);

  return { applied: namesOf(finished), pending, newer };
}

function namesOf(rows: readonly MigrationRow[]): string[] {
  return [...new Set(rows.map((row) => row.migration_name))].sort();
}

function refuseIncomplete(row: MigrationRow, underWay: boolean): void {
  const { migration_name: name, started_at, logs } = row;
  if (underWay && !logs) return;
  const why = logs?.trim() ? `failed: ${logs.trim()}` : "never finished: it was cut off";
  const where = `WHERE migration_name = '${name}' AND finished_at IS NULL AND rolled_back_at IS NULL`;
  throw new MigrationError(
    "incomplete",
    `migration ${name}, started at ${started_at.toISOString()}, ${why}. All or part of it may be in the database: look. Where ` +
      "it is all there, say so with  UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1, logs = NULL " +
      `${where}  (or prisma migrate resolve --applied ${name}). Else undo the part that is there, and say so with  UPDATE ` +
      `_prisma_migrations SET rolled_back_at = now() ${where}  (or prisma migrate resolve --rolled-back ${name}); ` +
      "then migrate again",
    name,
  );
}

function refuseEdited({ name, sql }: MigrationFile, row: MigrationRow | undefined): void {
  if (!row || matchesChecksum(sql, row.checksum)) return;
  throw new MigrationError(
    "edited",
    `migration ${name} was edited after it had been applied to this database. Restore the file as it was, and put the ` +
      "change into a new migration",
    name,
  );
}

function refuseUnknown(name: string, lastKnown: string): void {
  if (name > lastKnown) return;
  throw new MigrationError(
    "unknown",
    `migration ${name} has been applied to this database, but is missing here while later ones, up to ${lastKnown}, are ` +
      "not. Restore its folder, or check that this is the right database",
    name,
  );
}

function refuseHole(name: string, lastApplied: string): void {
  if (name > lastApplied) return;
  throw new MigrationError(
    "hole",
    `migration ${name} has not been applied to this database, but ${lastApplied}, which comes later, has. Give the ` +
      "folder a later timestamp, so that every database applies the migrations in the same order",
    name,
  );
}

/** Prisma's rule: git may have changed the ends of the lines in between. */
function matchesChecksum(sql: string, checksum: string): boolean {
  const unix = sql.replaceAll("\r\n", "\n");
  return [sql, unix, unix.replaceAll("\n", "\r\n")].some((text) => migrationChecksum(text) === checksum);
}
