import { inject } from "vitest";
import { createScratchDatabase } from "../../scripts/postgres/scratch-database.ts";
import type {} from "./global-setup.ts";

export interface TestDatabase {
  /** Of its owner. */
  readonly url: string;
  /** Ends all of its connections and removes it. What is not dropped goes at the end of the run. */
  drop(): Promise<void>;
}

/**
 * Creates a database that nobody else uses, with all of a service's migrations, in some 30 ms. For `beforeAll` of a test
 * file; `drop` for its `afterAll`. Files may do so at the same time.
 */
export async function createTestDatabase(service: string): Promise<TestDatabase> {
  const { adminUrl, prefix, templates } = inject("testDatabases");
  const template = templates[service];
  if (!template) throw new Error(`internal/app/${service}/prisma/migrations does not exist`);
  return createScratchDatabase(adminUrl, { prefix, template });
}

/** The same without any table. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const { adminUrl, prefix } = inject("testDatabases");
  return createScratchDatabase(adminUrl, { prefix });
}
