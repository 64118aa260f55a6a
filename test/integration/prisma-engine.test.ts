import { readFile } from "node:fs/promises";
import path from "node:path";
import { migrate, migrationStatus, readMigrations } from "@grpc-service-template/prisma-migrations";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  diffToSchema,
  type MigrationList,
  NO_FILTERS,
  openSchemaEngine,
} from "../../scripts/migration/schema-engine.ts";
import { createEmptyDatabase, type TestDatabase } from "../database/test-database.ts";

/** Our runner and Prisma's engine, which stands behind `prisma migrate`, take turns on one database. */
const prismaDir = path.join(import.meta.dirname, "../../internal/app/user-service/prisma");
const migrationsDir = path.join(prismaDir, "migrations");
const schema = { path: "schema.prisma", content: await readFile(path.join(prismaDir, "schema.prisma"), "utf8") };
const names = (await readMigrations(migrationsDir)).map(({ name }) => name);

let database: TestDatabase;
beforeEach(async () => {
  database = await createEmptyDatabase();
});
afterEach(() => database.drop());

async function listMigrations(): Promise<MigrationList> {
  const files = await readMigrations(migrationsDir);
  const lockfile = "migration_lock.toml";
  return {
    baseDir: migrationsDir,
    lockfile: { path: lockfile, content: await readFile(path.join(migrationsDir, lockfile), "utf8") },
    shadowDbInitScript: "",
    migrationDirectories: files.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: "migration.sql", content: { tag: "ok", value: sql } },
    })),
  };
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function diagnose() {
  await using session = await openSchemaEngine(database.url, schema);
  const migrationsList = await listMigrations();
  return await session.engine.diagnoseMigrationHistory({
    migrationsList,
    optInToShadowDatabase: false,
    filters: NO_FILTERS,
  });
}

async function applyByEngine(): Promise<string[]> {
  await using session = await openSchemaEngine(database.url, schema);
  const result = await session.engine.applyMigrations({ migrationsList: await listMigrations(), filters: NO_FILTERS });
  return result.appliedMigrationNames;
}

const IN_STEP = { hasMigrationsTable: true, history: null, failedMigrationNames: [], editedMigrationNames: [] };

test("Prisma's engine finds nothing to do where our runner has migrated", async () => {
  expect((await migrate({ url: database.url, migrationsDir })).applied).toEqual(names);
  expect(await diagnose()).toEqual(IN_STEP);
  expect(await applyByEngine()).toEqual([]);
});

test("our runner finds nothing to do where Prisma's engine has migrated", async () => {
  expect(await applyByEngine()).toEqual(names);
  expect(await migrationStatus({ url: database.url, migrationsDir })).toMatchObject({ applied: names, pending: [] });
  expect((await migrate({ url: database.url, migrationsDir })).applied).toEqual([]);
});

test("both record their work in the same table", async () => {
  const describeTable = () =>
    query(`SELECT column_name, ordinal_position, data_type, character_maximum_length, is_nullable, column_default
             FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY column_name`);
  const readRows = () =>
    query("SELECT checksum, migration_name, logs, rolled_back_at, applied_steps_count FROM _prisma_migrations");
  await applyByEngine();
  const [table, rows] = [await describeTable(), await readRows()];
  await query("DROP TABLE users; DROP TABLE _prisma_migrations");
  await migrate({ url: database.url, migrationsDir });
  expect(await describeTable()).toEqual(table);
  expect(await readRows()).toEqual(rows);
});

test("Prisma's engine sees what our runner left unfinished", async () => {
  await migrate({ url: database.url, migrationsDir });
  await query("UPDATE _prisma_migrations SET finished_at = NULL");
  expect(await diagnose()).toMatchObject({ failedMigrationNames: names });
  await expect(migrate({ url: database.url, migrationsDir })).rejects.toMatchObject({ reason: "incomplete" });
});

test("the migrations lead exactly to schema.prisma", async () => {
  await migrate({ url: database.url, migrationsDir });
  expect(await diffToSchema(database.url, schema)).toBeUndefined();
});
