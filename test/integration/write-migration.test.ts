import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { migrate, migrationStatus } from "@grpc-service-template/prisma-migrations";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeMigration } from "../../scripts/migration/write-migration.ts";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";

const root = path.join(import.meta.dirname, "../..");
const original = path.join(root, "internal/app/user-service/prisma");
const time = new Date("2099-01-02T03:04:05Z");

describe("writeMigration", () => {
  let database: TestDatabase;
  let prismaDir: string;

  beforeEach(async () => {
    database = await createTestDatabase("user-service");
    prismaDir = await mkdtemp(path.join(tmpdir(), "prisma-"));
    await cp(path.join(original, "schema.prisma"), path.join(prismaDir, "schema.prisma"));
    await cp(path.join(original, "migrations"), path.join(prismaDir, "migrations"), { recursive: true });
  });
  afterEach(async () => {
    await database.drop();
    await rm(prismaDir, { recursive: true });
  });

  async function changeSchema(from: string | RegExp, to: string): Promise<void> {
    const file = path.join(prismaDir, "schema.prisma");
    const before = await readFile(file, "utf8");
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    await writeFile(file, after);
  }

  const write = (name: string, at = time, acceptsRisks = false) =>
    writeMigration({ prismaDir, name, url: database.url, time: at, acceptsRisks });
  const migrationsDir = () => path.join(prismaDir, "migrations");

  test("writes nothing for an unchanged schema", async () => {
    const before = await readdir(migrationsDir());
    expect(await write("nothing")).toBeUndefined();
    expect(await readdir(migrationsDir())).toEqual(before);
  });

  test("writes the difference, under the time and the name", async () => {
    await changeSchema(/^ {2}version .*$/m, "$&\n  phone String?");
    const written = await write("add_phone");
    expect(written?.sql).toContain('ALTER TABLE "users" ADD COLUMN     "phone" TEXT;');
    expect(written?.warnings).toEqual([]);
    const file = path.join(migrationsDir(), "20990102030405_add_phone/migration.sql");
    expect(await readFile(file, "utf8")).toBe(written?.sql);
  });

  test("writes a migration that takes a migrated database to the schema", async () => {
    await changeSchema(/^ {2}version .*$/m, "$&\n  phone String?");
    await write("add_phone");
    expect((await migrate({ url: database.url, migrationsDir: migrationsDir() })).applied).toHaveLength(1);
    expect(await write("again", new Date("2099-01-02T03:04:06Z"))).toBeUndefined();
  });

  test("writes the first migration of a new service, and Prisma's lock file", async () => {
    const lockFile = await readFile(path.join(migrationsDir(), "migration_lock.toml"), "utf8");
    await rm(migrationsDir(), { recursive: true });
    const written = await write("create_users");
    expect(written?.sql).toMatch(/^-- CreateTable\nCREATE TABLE "users"/);
    expect(written?.warnings).toEqual([]);
    expect(await readFile(path.join(migrationsDir(), "migration_lock.toml"), "utf8")).toBe(lockFile);
  });

  test("warns of what loses data or fails where there are rows", async () => {
    await changeSchema(/^ {2}version .*$/m, "  phone String @unique");
    const { warnings } = (await write("replace_version")) ?? { warnings: [] };
    expect(warnings).toEqual([
      expect.stringMatching(/DROP COLUMN "version",\n.*loses data/),
      expect.stringMatching(/ADD COLUMN +"phone" TEXT NOT NULL;\n.*default/),
      expect.stringMatching(/CREATE UNIQUE INDEX "users_phone_key".*\n.*share a value/),
    ]);
  });

  test("writes nothing that has warnings, until the risks are accepted", async () => {
    await changeSchema(/^ {2}version .*$/m, "$&\n  phone String");
    const before = await readdir(migrationsDir());
    const refused = await write("add_phone");
    expect(refused).toMatchObject({ path: undefined, sql: expect.stringContaining('ADD COLUMN     "phone"') });
    expect(await readdir(migrationsDir())).toEqual(before);

    const written = await write("add_phone", time, true);
    expect(written).toEqual({ ...refused, path: expect.stringContaining("20990102030405_add_phone") });
    expect(await readdir(migrationsDir())).toContain("20990102030405_add_phone");
  });

  test("points at what is wrong with a schema, and writes nothing", async () => {
    await changeSchema("version     Int", "version     Whole");
    const before = await readdir(migrationsDir());
    await expect(write("broken")).rejects.toThrow(/Type "Whole" is neither a built-in type[\s\S]*schema\.prisma:\d+/);
    expect(await readdir(migrationsDir())).toEqual(before);
  });

  test("refuses to write a migration that would come before the last one", async () => {
    await changeSchema(/^ {2}version .*$/m, "$&\n  phone String?");
    await expect(write("add_phone", new Date("2020-01-01T00:00:00Z"))).rejects.toThrow(/create_users.*later than now/);
  });

  test("works in a database of its own, which it removes", async () => {
    await changeSchema(/^ {2}version .*$/m, "$&\n  phone String?");
    const list = async () =>
      (await runOn(database.url, "SELECT datname FROM pg_database WHERE datname LIKE 'migration_scratch_%'")).rows;
    await write("add_phone");
    expect(await list()).toEqual([]);
    const status = await migrationStatus({ url: database.url, migrationsDir: migrationsDir() });
    expect(status.pending).toEqual(["20990102030405_add_phone"]);
  });
});

describe("scripts/migration.ts", () => {
  async function run(...args: string[]): Promise<{ code: number; stderr: string }> {
    const child = spawn(process.execPath, [path.join(root, "scripts/migration.ts"), ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    const [code] = (await once(child, "close")) as [number];
    return { code, stderr };
  }

  test.each([
    ["no name", ["--service=user-service", "--name="], /NAME is missing[\s\S]*usage: make migration/],
    [
      "a name that is no snake_case",
      ["--service=user-service", "--name=Add-Phone"],
      /a-z, 0-9 and _; it is "Add-Phone"/,
    ],
    ["a service that does not exist", ["--service=nobody", "--name=add_phone"], /there is no .*nobody/],
  ])("refuses %s with exit code 64", async (_what, args, says) => {
    const { code, stderr } = await run(...args);
    expect(stderr).toMatch(says);
    expect(code).toBe(64);
  });
});
