export {
  type MigrateOptions,
  type MigrateResult,
  type MigrationOptions,
  type MigrationStatus,
  migrate,
  migrationStatus,
} from "./migrate.ts";
export { MigrationError, readMigrations } from "./migration-history.ts";
