import { afterAll, beforeAll } from "vitest";
import { createLogger } from "#internal/pkg/logger/logger.ts";
import { runOn } from "../../../../scripts/postgres/scratch-database.ts";
import { createTestDatabase, type TestDatabase } from "../../../../test/database/test-database.ts";
import { type Database, openDatabase } from "../database.ts";
import { describeUserRepository } from "./user-repository.contract.ts";

const logger = createLogger({ level: "error", format: "json", service: "test", version: "test" });

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase("user-service");
  database = openDatabase({ url: testDatabase.url, applicationName: "test" }, logger);
});

afterAll(async () => {
  await database?.close();
  await testDatabase?.drop();
});

describeUserRepository("the Prisma user repository", async () => {
  await runOn(testDatabase.url, "TRUNCATE users");
  return database.users;
});
