import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { migrate, migrationStatus } from "@grpc-service-template/prisma-migrations";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { createEmptyDatabase, type TestDatabase } from "../database/test-database.ts";
import { connectTo, EMAILS, putMigration, USERS } from "./prisma-migrations.fixture.ts";

/** What a rollout brings together: a service that serves, an older and a newer image, a backup, a kill. */
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
const connect = () => connectTo(url);

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
    // pool.end does not wait until its connections are closed, which the end of the database cuts then.
    service.on("error", () => {});
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
    const refused = migrate({ url, migrationsDir, lockTimeoutMs: 20, lockRetryMs: 2_000, onRetry });
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
    const options = { url, migrationsDir, signal: stop.signal, lockTimeoutMs: 15_000, onRetry };
    await addMigration("2_emails", `SET lock_timeout = 20; ${EMAILS}`);
    await expect(migrate(options)).rejects.toBe(reason);
    // The first pause is as long as the time for a lock.
    expect(performance.now() - started).toBeLessThan(10_000);
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
