import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { migrate, migrationStatus } from "@grpc-service-template/prisma-migrations";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEmptyDatabase, type TestDatabase } from "../database/test-database.ts";

const USERS = "CREATE TABLE users (id int PRIMARY KEY);\nCREATE INDEX users_id ON users (id);\n";
const EMAILS = "ALTER TABLE users ADD COLUMN email text;\n";

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

async function addMigration(name: string, sql: string): Promise<void> {
  await mkdir(join(migrationsDir, name), { recursive: true });
  await writeFile(join(migrationsDir, name, "migration.sql"), sql);
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const history = () => query("SELECT * FROM _prisma_migrations ORDER BY started_at");
const tableExists = async (name: string) => (await query(`SELECT to_regclass('${name}') AS table`))[0]?.table === name;

/** A connection that stays open until the test's end. */
async function connect(): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url);
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

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
      "CREATE TABLE users (id int); COMMIT; SELECT pg_sleep(0.3); CREATE TABLE emails (id int);",
    );
    await addMigration("2_more", "CREATE TABLE more (id int);");
    const stop = new AbortController();
    const migrating = migrate({ url, migrationsDir, signal: stop.signal });
    migrating.catch(() => {});
    await expect.poll(() => tableExists("users")).toBe(true);
    stop.abort(reason);
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

describe("a table that a long transaction, such as a backup's, is using", () => {
  beforeEach(async () => {
    await addMigration("1_users", USERS);
    await migrate({ url, migrationsDir });
    await addMigration("2_emails", EMAILS);
  });

  test("is migrated once that has ended, and fails no statement that waits 2 s for a lock, as a service's do", async () => {
    await using backup = await connect();
    await backup.query("BEGIN; LOCK TABLE users IN ACCESS SHARE MODE");
    const service = new pg.Pool({ connectionString: url, max: 10, lock_timeout: 2_000 });
    const pauses: number[] = [];
    const migrating = migrate({ url, migrationsDir, onRetry: (_name, pauseMs) => pauses.push(pauseMs) });
    migrating.catch(() => {});
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < 70; call += 1) {
      calls.push(service.query("SELECT id FROM users"));
      await sleep(50);
    }
    await backup.query("COMMIT");
    await expect(Promise.all(calls)).resolves.toHaveLength(70);
    expect((await migrating).applied).toEqual(["2_emails"]);
    expect(pauses.length).toBeGreaterThan(0);
    expect(await history()).toHaveLength(2);
    await service.end();
  });

  test("is left for growing pauses between the tries", async () => {
    await using backup = await connect();
    await backup.query("BEGIN; LOCK TABLE users IN ACCESS SHARE MODE");
    const told: [string, number][] = [];
    const onRetry = (name: string, pauseMs: number) => {
      told.push([name, pauseMs]);
    };
    const refused = migrate({ url, migrationsDir, lockTimeoutMs: 20, lockRetryMs: 700, onRetry });
    await expect(refused).rejects.toMatchObject({ reason: "failed", migration: "2_emails" });
    expect(told.length).toBeGreaterThan(2);
    for (const [index, [name, pauseMs]] of told.entries()) {
      const shortest = 20 * Math.min(2 ** index, 8);
      expect(name).toBe("2_emails");
      expect(pauseMs).toBeGreaterThanOrEqual(shortest);
      expect(pauseMs).toBeLessThanOrEqual(1.25 * shortest);
    }
    expect(await history()).toMatchObject([
      {},
      { rolled_back_at: expect.any(Date), logs: expect.stringMatching(/55P03/) },
    ]);
  });

  test("is tried for once when there is no time for more", async () => {
    await using backup = await connect();
    await backup.query("BEGIN; LOCK TABLE users IN ACCESS SHARE MODE");
    const onRetry = () => expect.unreachable();
    const refused = migrate({ url, migrationsDir, lockTimeoutMs: 50, lockRetryMs: 0, onRetry });
    await expect(refused).rejects.toThrow(/55P03/);
  });

  test("does not have a file tried again that has transactions of its own", async () => {
    await addMigration("2_emails", `BEGIN; ${EMAILS} COMMIT;`);
    await using backup = await connect();
    await backup.query("BEGIN; LOCK TABLE users IN ACCESS SHARE MODE");
    const onRetry = () => expect.unreachable();
    await expect(migrate({ url, migrationsDir, lockTimeoutMs: 50, onRetry })).rejects.toThrow(/55P03/);
  });

  test("lets a signal end the pause", async () => {
    await using backup = await connect();
    await backup.query("BEGIN; LOCK TABLE users IN ACCESS SHARE MODE");
    const stop = new AbortController();
    const reason = new Error("stop");
    const onRetry = () => setImmediate(() => stop.abort(reason));
    const started = performance.now();
    const options = { url, migrationsDir, signal: stop.signal, lockTimeoutMs: 3_000, onRetry };
    await addMigration("2_emails", `SET lock_timeout = 20; ${EMAILS}`);
    await expect(migrate(options)).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(2_500);
  });
});

describe("while a newer image migrates", () => {
  let olderDir: string;
  beforeEach(async () => {
    await addMigration("1_users", USERS);
    await migrate({ url, migrationsDir });
    olderDir = migrationsDir;
    migrationsDir = await mkdtemp(join(tmpdir(), "migrations-"));
    await addMigration("1_users", USERS);
  });
  afterEach(() => rm(olderDir, { recursive: true }));

  /** A process that migrates until it waits for the advisory lock 1, of which the test holds it off. */
  async function startMigration(name: string, sql: string) {
    await addMigration(name, sql);
    const gate = await connect();
    await gate.query("SELECT pg_advisory_lock(1)");
    const script = `import { migrate } from "@grpc-service-template/prisma-migrations"; await migrate(${JSON.stringify({ url, migrationsDir })});`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: "inherit" });
    const exited = once(child, "exit");
    const backends = () =>
      query(`SELECT wait_event_type FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'migrate'`);
    await expect.poll(backends, { timeout: 10_000 }).toEqual([{ wait_event_type: "Lock" }]);
    return {
      async kill() {
        child.kill("SIGKILL");
        await exited;
      },
      /** Lets the server go on, and waits until it has nothing more to do for that process. */
      async release() {
        await gate.end();
        await expect.poll(backends, { timeout: 10_000 }).toEqual([]);
        await exited;
      },
    };
  }

  const PLAIN = "SET lock_timeout = 0; ALTER TABLE users ADD COLUMN email text; SELECT pg_advisory_xact_lock(1);";
  const IN_STEPS = "SET lock_timeout = 0; BEGIN; CREATE TABLE emails (); COMMIT; SELECT pg_advisory_xact_lock(1);";

  test.each([
    ["a plain file", PLAIN, []],
    ["a file with transactions of its own", IN_STEPS, ["2_emails"]],
  ])("in %s, the older one starts without waiting", async (_, sql, newer) => {
    const newerImage = await startMigration("2_emails", sql);
    const onWaiting = () => expect.unreachable();
    expect(await migrate({ url, migrationsDir: olderDir, onWaiting })).toEqual({ applied: [], newer });
    expect(await migrationStatus({ url, migrationsDir: olderDir })).toEqual({
      applied: ["1_users"],
      pending: [],
      newer,
    });
    expect(await migrationStatus({ url, migrationsDir })).toMatchObject({ pending: ["2_emails"], newer: [] });
    await newerImage.release();
    expect(await migrationStatus({ url, migrationsDir: olderDir })).toMatchObject({ pending: [], newer: ["2_emails"] });
    expect(await migrationStatus({ url, migrationsDir })).toMatchObject({ pending: [] });
  });

  test("a kill of its process leaves a plain file applied and recorded, or neither", async () => {
    const newerImage = await startMigration("2_emails", PLAIN);
    await newerImage.kill();
    await newerImage.release();
    expect(await query("SELECT email FROM users")).toEqual([]);
    expect(await history()).toMatchObject([{}, { migration_name: "2_emails", finished_at: expect.any(Date) }]);
    expect(await migrate({ url, migrationsDir })).toEqual({ applied: [], newer: [] });
    expect(await migrate({ url, migrationsDir: olderDir })).toEqual({ applied: [], newer: ["2_emails"] });
  });

  test("a kill in a file with transactions of its own stops the newer image, and not the older one", async () => {
    const newerImage = await startMigration("2_emails", IN_STEPS);
    await newerImage.kill();
    await newerImage.release();
    const refusal = { reason: "incomplete", migration: "2_emails" };
    await expect(migrate({ url, migrationsDir })).rejects.toMatchObject(refusal);
    await expect(migrationStatus({ url, migrationsDir })).rejects.toMatchObject(refusal);
    expect(await migrate({ url, migrationsDir: olderDir })).toEqual({ applied: [], newer: ["2_emails"] });
    expect(await migrationStatus({ url, migrationsDir: olderDir })).toMatchObject({ pending: [], newer: ["2_emails"] });

    // One way out of the message.
    const message = await migrate({ url, migrationsDir }).then(String, String);
    await query(/UPDATE .*? rolled_back_at IS NULL/.exec(message)?.[0] ?? "");
    expect((await migrationStatus({ url, migrationsDir })).pending).toEqual([]);
  });
});
