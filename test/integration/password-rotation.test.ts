import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { migrate } from "@grpc-service-template/prisma-migrations";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { createScratchDatabase, runOn, type ScratchDatabase } from "../../scripts/postgres/scratch-database.ts";

const migrationsDir = "internal/app/user-service/prisma/migrations";

/** The statements under "Rotate secrets", as they stand there, so that what is tried is what people copy. */
const [roles = "", freshDatabase = "", existingDatabase = ""] = await documentedSql();

describe.each([
  ["a superuser", "SUPERUSER"],
  ["an administrator as managed PostgreSQL gives", "CREATEROLE CREATEDB"],
])("two logins of one owner, made by %s", (_who, rights) => {
  let id: string;
  let database: ScratchDatabase;

  const { adminUrl, prefix } = inject("testDatabases");
  const named = (role: string) => `${role}_${id}`;
  const as = (role: string, password: string) =>
    Object.assign(new URL(database.url), { username: named(role), password }).href;
  const runAsAdministrator = async (sql: string) => {
    for (const statement of sql.replaceAll(/--.*/g, "").split(";").filter(isText)) {
      await runOn(as("administrator", "one"), withNames(statement));
    }
  };
  const withNames = (sql: string) =>
    sql
      .replaceAll("…", "one")
      .replace(/(?<=DATABASE )users\b/, database.name)
      .replaceAll(/\busers(_[a-z]+)?\b/g, named);
  const applyMigrations = async (url: string) => (await migrate({ url, migrationsDir })).applied;

  beforeEach(async () => {
    id = randomUUID().slice(0, 8);
    await runOn(adminUrl, `CREATE ROLE ${named("administrator")} LOGIN PASSWORD 'one' ${rights}`);
    const administratorUrl = Object.assign(new URL(adminUrl), { username: named("administrator"), password: "one" });
    database = await createScratchDatabase(administratorUrl.href, { prefix });
  });
  afterEach(async () => {
    await database.drop();
    const roles = ["users_a", "users_b", "users", "users_owner", "administrator"].map(named);
    await runOn(adminUrl, `DROP ROLE IF EXISTS ${roles.join(", ")}`);
  });

  test("share a fresh database, so a password changes while the other one serves", async () => {
    await runAsAdministrator(roles);
    await runAsAdministrator(freshDatabase);

    // What the first login makes is the owner's, hence the second one's too.
    expect(await applyMigrations(as("users_a", "one"))).not.toEqual([]);
    await runAsAdministrator("ALTER ROLE users_b LOGIN PASSWORD 'two'");
    expect(await applyMigrations(as("users_b", "two"))).toEqual([]);
    await runOn(as("users_b", "two"), "ALTER TABLE users ADD COLUMN phone text");
    await runOn(as("users_a", "one"), "ALTER TABLE users DROP COLUMN phone");

    // Then the first one is shut out, and the second one is not.
    await runAsAdministrator("ALTER ROLE users_a NOLOGIN");
    await expect(runOn(as("users_a", "one"), "SELECT 1")).rejects.toMatchObject({ code: "28000" });
    expect(await countUsers(as("users_b", "two"))).toBe(0);
  });

  test("take over a database from the single login that serves from it", async () => {
    await runAsAdministrator("CREATE ROLE users LOGIN PASSWORD 'one'");
    await runOn(adminUrl, `ALTER DATABASE ${database.name} OWNER TO ${named("users")}`);
    const applied = await applyMigrations(as("users", "one"));
    expect(applied).not.toEqual([]);

    await runAsAdministrator(roles);
    await runAsAdministrator(existingDatabase);

    // The old login serves on, and the next release migrates by the new one.
    expect(await countUsers(as("users", "one"))).toBe(0);
    expect(await applyMigrations(as("users", "one"))).toEqual([]);
    expect(await applyMigrations(as("users_a", "one"))).toEqual([]);
    await runOn(as("users_a", "one"), "ALTER TABLE users ADD COLUMN phone text");
    await runOn(as("users_a", "one"), "CREATE TABLE notes (id uuid)");
    expect(await countUsers(as("users", "one"))).toBe(0);
    const { rows } = await runOn(database.url, "SELECT tableowner FROM pg_tables WHERE schemaname = 'public'");
    expect(new Set(rows.map(({ tableowner }) => tableowner))).toEqual(new Set([named("users_owner")]));
    await runAsAdministrator("ALTER ROLE users NOLOGIN");
    expect(await countUsers(as("users_a", "one"))).toBe(0);
  });
});

const isText = (statement: string) => statement.trim() !== "";

async function countUsers(url: string): Promise<number> {
  return (await runOn(url, "SELECT count(*)::int AS users FROM users")).rows[0].users;
}

async function documentedSql(): Promise<string[]> {
  const [, section = ""] = (await readFile("docs/operations.md", "utf8")).split("## Rotate secrets\n");
  const blocks = section.split("\n## ")[0]?.matchAll(/^```sql\n([^`]*)^```$/gm) ?? [];
  return Array.from(blocks, ([, sql = ""]) => sql);
}
