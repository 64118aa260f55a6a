import { inject } from "vitest";
import { createScratchDatabase } from "../../scripts/postgres/scratch-database.ts";
import type {} from "./global-setup.ts";

export interface TestDatabaseOptions {
  /** Whose migrations it has. The default is user-service. */
  readonly service?: string;
  /** False for an empty database. The default is true. */
  readonly migrated?: boolean;
}

export interface TestDatabase {
  /** Of its owner. */
  readonly url: string;
  /** Ends all of its connections and removes it. What is not dropped goes at the end of the run. */
  drop(): Promise<void>;
}

/**
 * Creates a database that nobody else uses, in some 30 ms. For `beforeAll` of a test file; `drop` for its `afterAll`.
 * Files may do so at the same time.
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { service = "user-service", migrated = true } = options;
  const { adminUrl, prefix, templates } = inject("testDatabases");
  const template = templates[service];
  if (migrated && !template) throw new Error(`internal/app/${service}/prisma/migrations does not exist`);
  return createScratchDatabase(adminUrl, { prefix, template: migrated ? template : undefined });
}
