import { createPool, createPrismaOperations, type PoolOptions, runInCall } from "@grpc-service-template/bounded-pg";
import { PrismaPg } from "@prisma/adapter-pg";
import { findAsset } from "#internal/pkg/config/find-asset.ts";
import { applyMigrations, requireMigrations } from "#internal/pkg/database/migrations.ts";
import { withPlainSslMode } from "#internal/pkg/database/ssl-mode.ts";
import type { Logger } from "#internal/pkg/logger/logger.ts";
import type { DatabaseMetrics } from "#internal/pkg/metrics/database-metrics.ts";
import type { UserRepository } from "./model/user-repository.ts";
import { PrismaClient } from "./prisma/generated/client.ts";
import { createPrismaUserRepository } from "./repository/prisma-user-repository.ts";

/** Where the service keeps its data. */
export interface Database {
  readonly users: UserRepository;
  /** Brings the schema to what this release needs (`apply`), or insists that it is there (`refuse`). Throws MigrationError. */
  prepare(migrations: "apply" | "refuse", signal?: AbortSignal): Promise<void>;
  /** Does what the first calls would wait for: opens connections, has Prisma load its engine. What fails is left to them. */
  warmUp(): Promise<void>;
  /** Resolves when the database answers. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export type DatabaseOptions = Omit<PoolOptions, "onError">;

const CHECK_TIMEOUT_MS = 2_000;

/** Enough for the calls that come first; those beyond it are opened as they are needed. */
const WARM_CONNECTIONS = 5;

/** The service's PostgreSQL database. Connects when first used. */
export function openDatabase(options: DatabaseOptions, logger: Logger, metrics?: DatabaseMetrics): Database {
  const url = withPlainSslMode(options.url);
  const pool = createPool({
    ...options,
    url,
    onError: (error) => logger.warn("an idle database connection broke", { error }),
  });
  metrics?.observePool(() => pool.stats());
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  const $allOperations = createPrismaOperations(metrics?.observeOperation);
  // An extension of queries leaves the client's type as it is; Prisma declares another, which exact optional types refuse.
  const client = prisma.$extends({ query: { $allOperations } }) as unknown as PrismaClient;

  const users = createPrismaUserRepository(client);

  async function check() {
    await runInCall({ signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) }, () => pool.query("SELECT 1"));
  }

  return {
    users,
    prepare(migrations, signal) {
      const migrationsDir = findAsset("internal/app/user-service/prisma/migrations");
      const handle = migrations === "apply" ? applyMigrations : requireMigrations;
      return handle({ url, migrationsDir, signal }, logger);
    },
    async warmUp() {
      const firstPage = users.list({ limit: 1 }, { signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) });
      // All at once, so that each has a connection of its own.
      await Promise.allSettled([firstPage, ...Array.from({ length: WARM_CONNECTIONS - 1 }, check)]);
    },
    check,
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}
