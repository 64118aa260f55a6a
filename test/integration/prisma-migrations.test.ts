import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { migrate, migrationStatus } from "@grpc-service-template/prisma-migrations";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { createEmptyDatabase, type TestDatabase } from "../database/test-database.ts";
import { connectTo, EMAILS, putMigration, USERS } from "./prisma-migrations.fixture.ts";

let database: TestDatabase;
let url: string;
let migrationsDir: string;

beforeEach(async () => {
  database = await createEmptyDatabase();
  url = database.url;
  migrationsDir = await mkdtemp(join(tmpdir(), "migrations-"));
});
afterEach(async () => {
  await database.drop();
  await rm(migrationsDir, { recursive: true });
});

const addMigration = (name: string, sql: string) => putMigration(migrationsDir, name, sql);
const query = async (sql: string) => (await runOn(url, sql)).rows;
const history = () => query("SELECT * FROM _prisma_migrations ORDER BY started_at");
const tableExists = async (name: string) => (await query(`SELECT to_regclass('${name}') AS table`))[0]?.table === name;

const connect = () => connectTo(url);

describe("a signal", () => {
  const reason = new Error("stop");
  /** Waits until a connection of a runner waits for a lock of this type. */
  const untilWaiting = (locktype: string) =>
    expect
      .poll(
        () =>
          query(`SELECT FROM pg_locks WHERE NOT granted AND locktype = '${locktype}'
                           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`),
        { timeout: 10_000 },
      )
      .toHaveLength(1);

  test("ends the wait for another process that migrates, of which is told", async () => {
    await addMigration("1_users", USERS);
    await using other = await connect();
    await other.query("SELECT pg_advisory_lock(72707369)");
    const stop = new AbortController();
    const waiting = Promise.withResolvers<void>();
    const migrating = migrate({ url, migrationsDir, signal: stop.signal, onWaiting: waiting.resolve });
    migrating.catch(() => {});
    await waiting.promise;
    await untilWaiting("advisory");
    stop.abort(reason);
    await expect(migrating).rejects.toBe(reason);
    expect(await tableExists("users")).toBe(false);
  });

  test("undoes the migration at hand, keeps those before it, and the next run goes on there", async () => {
    await addMigration("1_users", USERS);
    await addMigration("2_emails", "CREATE TABLE emails (id int); SELECT pg_advisory_xact_lock(1);");
    const stop = new AbortController();
    await using other = await connect();
    await other.query("SELECT pg_advisory_lock(1)");
    const migrating = migrate({ url, migrationsDir, signal: stop.signal, lockTimeoutMs: 60_000 });
    migrating.catch(() => {});
    await untilWaiting("advisory");
    stop.abort(reason);
    await expect(migrating).rejects.toBe(reason);
    await other.query("SELECT pg_advisory_unlock(1)");
    expect(await tableExists("users")).toBe(true);
    expect(await tableExists("emails")).toBe(false);
    expect(await migrate({ url, migrationsDir })).toEqual({ applied: ["2_emails"], newer: [] });
  });

  test("lets a migration end that could leave a part of it behind", async () => {
    await addMigration(
      "1_users",
      "CREATE TABLE users (id int); COMMIT; SELECT pg_advisory_lock(1); CREATE TABLE emails (id int);",
    );
    await addMigration("2_more", "CREATE TABLE more (id int);");
    const stop = new AbortController();
    await using other = await connect();
    await other.query("SELECT pg_advisory_lock(1)");
    const migrating = migrate({ url, migrationsDir, signal: stop.signal, lockTimeoutMs: 60_000 });
    migrating.catch(() => {});
    await untilWaiting("advisory");
    expect(await tableExists("users")).toBe(true);
    stop.abort(reason);
    await sleep(200); // Time for a request to cancel to arrive, if there were one.
    await other.query("SELECT pg_advisory_unlock(1)");
    await expect(migrating).rejects.toBe(reason);
    expect(await tableExists("emails")).toBe(true);
    expect(await migrationStatus({ url, migrationsDir })).toMatchObject({ applied: ["1_users"], pending: ["2_more"] });
  });

  test("that has fired lets nothing begin", async () => {
    await addMigration("1_users", USERS);
    await expect(migrate({ url, migrationsDir, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await tableExists("_prisma_migrations")).toBe(false);
  });

  test("that never fires changes nothing", async () => {
    await addMigration("1_users", USERS);
    const { signal } = new AbortController();
    expect(await migrate({ url, migrationsDir, signal })).toMatchObject({ applied: ["1_users"] });
    expect(await migrationStatus({ url, migrationsDir, signal })).toMatchObject({ applied: ["1_users"] });
  });
});

describe("migrate", () => {
  test("applies all migrations in order and tells of each", async () => {
    await addMigration("2_emails", EMAILS);
    await addMigration("1_users", USERS);
    const told: string[] = [];
    const result = await migrate({ url, migrationsDir, onApplied: (name) => told.push(name) });
    expect(result).toEqual({ applied: ["1_users", "2_emails"], newer: [] });
    expect(told).toEqual(result.applied);
    expect(await query("SELECT id, email FROM users")).toEqual([]);
  });

  test("applies nothing a second time", async () => {
    await addMigration("1_users", USERS);
    await migrate({ url, migrationsDir });
    expect(await migrate({ url, migrationsDir })).toEqual({ applied: [], newer: [] });
    expect(await history()).toHaveLength(1);
  });

  test("goes on after the last applied migration", async () => {
    await addMigration("1_users", USERS);
    await migrate({ url, migrationsDir });
    await addMigration("2_emails", EMAILS);
    expect((await migrate({ url, migrationsDir })).applied).toEqual(["2_emails"]);
  });

  test("lets several processes start at once: one migrates, the others find nothing to do", async () => {
    await addMigration("1_users", USERS);
    await addMigration("2_slow", "SELECT pg_sleep(0.2);");
    const results = await Promise.all(Array.from({ length: 4 }, () => migrate({ url, migrationsDir })));
    expect(results.flatMap(({ applied }) => applied)).toEqual(["1_users", "2_slow"]);
    expect(await history()).toHaveLength(2);
  });

  test("gives up when somebody else holds the lock for too long", async () => {
    await addMigration("1_users", USERS);
    await using other = await connect();
    await other.query("SELECT pg_advisory_lock(72707369)");
    const refusal = { reason: "locked", message: expect.stringContaining("50 ms") };
    await expect(migrate({ url, migrationsDir, waitTimeoutMs: 50 })).rejects.toMatchObject(refusal);
    expect(await tableExists("users")).toBe(false);
  });

  test("frees the lock when it fails", async () => {
    await addMigration("1_users", "SELECT 1/0;");
    await expect(migrate({ url, migrationsDir })).rejects.toThrow();
    await using other = await connect();
    const { rows } = await other.query("SELECT pg_try_advisory_lock(72707369) AS free");
    expect(rows).toEqual([{ free: true }]);
  });

  test("applies a file as a whole or not at all, and tries it again once it is mended", async () => {
    await addMigration("1_users", `${USERS} SELECT 1/0;`);
    const refusal = {
      reason: "failed",
      migration: "1_users",
      message: expect.stringMatching(/division by zero.*22012/),
    };
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject(refusal);
    expect(await tableExists("users")).toBe(false);
    expect(await history()).toMatchObject([
      { finished_at: null, rolled_back_at: expect.any(Date), logs: expect.stringContaining("division by zero") },
    ]);
    await addMigration("1_users", USERS);
    expect((await migrate({ url, migrationsDir })).applied).toEqual(["1_users"]);
  });

  test("keeps the migrations before the one that fails", async () => {
    await addMigration("1_users", USERS);
    await addMigration("2_broken", "SELEC;");
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject({ migration: "2_broken" });
    expect(await tableExists("users")).toBe(true);
    expect((await migrationStatus({ url, migrationsDir })).pending).toEqual(["2_broken"]);
  });

  test("refuses to go on after a file with transactions of its own failed, until a person has looked", async () => {
    await addMigration("1_users", `BEGIN; CREATE TABLE half (); COMMIT; SELECT 1/0;`);
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject({ reason: "failed" });
    expect(await tableExists("half")).toBe(true);
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject({ reason: "incomplete", migration: "1_users" });

    await query("DROP TABLE half");
    await query(
      "UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '1_users' AND finished_at IS NULL",
    );
    await addMigration("1_users", USERS);
    expect((await migrate({ url, migrationsDir })).applied).toEqual(["1_users"]);
  });

  test("refuses a file that forgets to commit", async () => {
    await addMigration("1_users", `BEGIN; ${USERS}`);
    await expect(migrate({ url, migrationsDir })).rejects.toThrow(/1_users failed: it leaves a transaction open/);
    expect(await tableExists("users")).toBe(false);
    expect(await history()).toMatchObject([{ finished_at: null, logs: expect.stringContaining("COMMIT is missing") }]);
  });

  test("tries again what its connection broke in the middle of: nothing of it is left", async () => {
    await addMigration("1_users", `${USERS} SELECT pg_terminate_backend(pg_backend_pid());`);
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject({ reason: "failed" });
    expect(await tableExists("users")).toBe(false);
    await addMigration("1_users", USERS);
    expect((await migrate({ url, migrationsDir })).applied).toEqual(["1_users"]);
  });

  test("refuses to go on after its connection broke in the middle of a file with transactions of its own", async () => {
    await addMigration("1_users", "BEGIN; COMMIT; SELECT pg_terminate_backend(pg_backend_pid());");
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject({ reason: "failed" });
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject({ reason: "incomplete" });
  });

  test("records a file and what became of it at once, as Prisma's engine leaves it", async () => {
    await addMigration("1_users", USERS);
    await addMigration("2_it's", `CREATE TABLE seen AS SELECT migration_name FROM _prisma_migrations -- no end`);
    await migrate({ url, migrationsDir });
    const [users, its] = await history();
    expect(await query("SELECT migration_name FROM seen")).toEqual([{ migration_name: "1_users" }]);
    for (const row of [users, its]) {
      expect(row).toMatchObject({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
        applied_steps_count: 1,
        logs: null,
        rolled_back_at: null,
        started_at: expect.any(Date),
        finished_at: expect.any(Date),
      });
      expect(Number(row?.finished_at)).toBeGreaterThanOrEqual(Number(row?.started_at));
    }
    expect(its).toMatchObject({ migration_name: "2_it's" });
  });

  test("runs what PostgreSQL allows in no transaction, alone in its file", async () => {
    await addMigration("1_users", USERS);
    await addMigration("2_index", "CREATE INDEX CONCURRENTLY later ON users (id);\n");
    await migrate({ url, migrationsDir });
    expect(await tableExists("later")).toBe(true);
  });

  test.each([
    ["VACUUM", "VACUUM"],
    ["a COMMIT in a DO", "DO $$ BEGIN CREATE TABLE later (); COMMIT; END $$;"],
    ["BEGIN and COMMIT", "BEGIN; CREATE TABLE later (); COMMIT;"],
  ])("runs a file of %s, and records it once", async (_, sql) => {
    await addMigration("1_later", sql);
    await migrate({ url, migrationsDir });
    expect(await history()).toMatchObject([{ finished_at: expect.any(Date), applied_steps_count: 1, logs: null }]);
    expect(await tableExists("later")).toBe(sql !== "VACUUM");
  });

  test("lets CONCURRENTLY, for which nobody waits, wait longer than other statements", async () => {
    await addMigration("1_users", USERS);
    await migrate({ url, migrationsDir });
    await addMigration("2_index", "CREATE INDEX CONCURRENTLY later ON users (id);\n");
    await using other = await connect();
    await other.query("BEGIN; INSERT INTO users VALUES (1)");
    const migrating = migrate({ url, migrationsDir, lockTimeoutMs: 50 });
    await sleep(500);
    await other.query("COMMIT");
    expect((await migrating).applied).toEqual(["2_index"]);
  });

  test("runs functions with semicolons in them", async () => {
    const body = "BEGIN\n  PERFORM 1;\n  RETURN 'a;b';\nEND;";
    await addMigration("1_function", `CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$${body}$$;`);
    await migrate({ url, migrationsDir });
    expect(await query("SELECT f()")).toEqual([{ f: "a;b" }]);
  });

  test("does not let a statement wait for a lock for ever", async () => {
    await addMigration("1_users", USERS);
    await migrate({ url, migrationsDir });
    await using reader = await connect();
    await reader.query("BEGIN; SELECT FROM users");
    await addMigration("2_emails", EMAILS);
    const refused = migrate({ url, migrationsDir, lockTimeoutMs: 50, lockRetryMs: 200 });
    await expect(refused).rejects.toThrow(/lock timeout.*55P03.*Nothing of it was applied.*pg_stat_activity/);
    await reader.query("COMMIT");
    expect((await migrate({ url, migrationsDir })).applied).toEqual(["2_emails"]);
  });

  test("records a failure whatever the migration has set before", async () => {
    await addMigration("1_users", "SET ROLE pg_monitor; SET search_path = pg_catalog; COMMIT; SELECT 1/0;");
    await expect(migrate({ url, migrationsDir })).rejects.toThrow("division by zero");
    expect(await history()).toMatchObject([{ logs: expect.stringContaining("division by zero") }]);
  });

  test("keeps the settings of a migration from the next one", async () => {
    await addMigration("1_settings", "SET ROLE pg_monitor; SET search_path = pg_catalog; SET lock_timeout = 1;");
    await addMigration("2_users", `${USERS} CREATE TABLE setting AS SELECT current_setting('lock_timeout') AS value;`);
    await migrate({ url, migrationsDir });
    expect(await query("SELECT value FROM public.setting")).toEqual([{ value: "1s" }]);
    expect(await tableExists("users")).toBe(true);
  });

  test("has the server notice that its machine is gone, for every migration", async () => {
    const names = ["tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"];
    const settings = names.map((name) => `current_setting('${name}') AS ${name}`);
    await addMigration("1_first", "SELECT 1");
    await addMigration("2_second", `CREATE TABLE settings AS SELECT ${settings.join(", ")}`);
    await migrate({ url, migrationsDir });
    expect((await query("SELECT * FROM settings")).map(Object.values)).toEqual([["10", "5", "3", "30000"]]);
  });

  test("refuses a database with tables that no migration made", async () => {
    await query("CREATE TABLE other ()");
    await addMigration("1_users", USERS);
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject({ reason: "not_empty" });
    expect(await tableExists("_prisma_migrations")).toBe(false);
  });

  test("reports what a newer image applied", async () => {
    await addMigration("1_users", USERS);
    await addMigration("2_emails", EMAILS);
    await migrate({ url, migrationsDir });
    await rm(join(migrationsDir, "2_emails"), { recursive: true });
    expect(await migrate({ url, migrationsDir })).toEqual({ applied: [], newer: ["2_emails"] });
  });

  test("refuses an edited file before it applies anything", async () => {
    await addMigration("1_users", USERS);
    await migrate({ url, migrationsDir });
    await addMigration("1_users", `${USERS}-- a comment\n`);
    await addMigration("2_emails", EMAILS);
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject({ reason: "edited", migration: "1_users" });
    expect(await history()).toHaveLength(1);
  });

  test("passes the error of a database that cannot be reached on", async () => {
    const nowhere = "postgresql://nobody@127.0.0.1:1/none";
    await expect(migrate({ url: nowhere, migrationsDir })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});

describe("migrationStatus", () => {
  test("says what is pending and leaves an empty database as it is", async () => {
    await addMigration("1_users", USERS);
    const status = await migrationStatus({ url, migrationsDir });
    expect(status).toEqual({ applied: [], pending: ["1_users"], newer: [] });
    expect(await tableExists("_prisma_migrations")).toBe(false);
  });

  test("does not wait for somebody who is migrating", async () => {
    await addMigration("1_users", USERS);
    await using other = await connect();
    await other.query("SELECT pg_advisory_lock(72707369)");
    expect((await migrationStatus({ url, migrationsDir })).pending).toEqual(["1_users"]);
  });
});
