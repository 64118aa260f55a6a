import {
  MigrationError,
  type MigrationOptions,
  migrate,
  migrationStatus,
} from "@grpc-service-template/prisma-migrations";
import type { Logger } from "#internal/pkg/logger/logger.ts";

/** Applies the migrations that the database has not seen, and logs each. Throws MigrationError. */
export async function applyMigrations(options: MigrationOptions, logger: Logger): Promise<void> {
  const { newer } = await migrate({
    ...options,
    onWaiting: () => logger.info("waiting for another process that migrates the database"),
    onRetry: (migration, pauseMs) =>
      logger.warn("a migration did not get its locks and is tried again", { migration, pauseMs }),
    onApplied: (migration, durationMs) => logger.info("migration applied", { migration, durationMs }),
  });
  warnOfNewer(newer, logger);
}

/** Throws MigrationError when there are migrations that the database has not seen. */
export async function requireMigrations(options: MigrationOptions, logger: Logger): Promise<void> {
  const { pending, newer } = await migrationStatus(options);
  if (pending.length > 0) {
    throw new MigrationError(
      "pending",
      `the database lacks ${pending.join(", ")}; run the migrate command, or let the service do it (migrations: apply)`,
    );
  }
  warnOfNewer(newer, logger);
}

function warnOfNewer(newer: readonly string[], logger: Logger): void {
  if (newer.length > 0) logger.warn("the database is ahead of this release, as after a rollback", { newer });
}
