import type pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createEmptyDatabase, type TestDatabase } from "../../../test/database/test-database.ts";
import { createPool, type PoolOptions } from "./pool.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());

function openPool(options: Partial<PoolOptions> = {}): pg.Pool & AsyncDisposable {
  const pool = createPool({ url: database.url, applicationName: "pool-test", onError: () => {}, ...options });
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() });
}

test("a pool cancels a statement that takes too long", async () => {
  await using pool = openPool({ statementTimeoutMs: 50 });
  await expect(pool.query("SELECT pg_sleep(10)")).rejects.toMatchObject({ code: "57014" });
});

test("a pool gives up a lock that it does not get", async () => {
  await using pool = openPool({ lockTimeoutMs: 50 });
  const holder = await pool.connect();
  await holder.query("SELECT pg_advisory_lock(1)");
  await expect(pool.query("SELECT pg_advisory_lock(1)")).rejects.toMatchObject({ code: "55P03" });
  holder.release(true);
});

test("a pool closes a transaction that does nothing", async () => {
  await using pool = openPool({ idleInTransactionTimeoutMs: 50 });
  const client = await pool.connect();
  const closed = new Promise<Error>((resolve) => client.once("error", resolve));
  await client.query("BEGIN");
  expect(await closed).toMatchObject({ code: "25P03" });
  client.release(true);
});

test("a pool opens no more connections than it may, and does not wait for a free one for ever", async () => {
  await using pool = openPool({ maxConnections: 1, connectTimeoutMs: 50 });
  const only = await pool.connect();
  await expect(pool.query("SELECT 1")).rejects.toThrow("timeout exceeded when trying to connect");
  only.release();
  expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});

test("a pool survives the loss of an idle connection, and tells of it", async () => {
  const onError = vi.fn<(error: Error) => void>();
  await using pool = openPool({ onError });
  await using admin = openPool();
  const { rows } = await pool.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  await admin.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
  await vi.waitFor(() => expect(onError).toHaveBeenCalledOnce());
  expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});

test("a pool has limits and a name without being told", async () => {
  await using pool = openPool();
  const settings = ["application_name", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
  const { rows } = await pool.query(`SELECT ${settings.map((name) => `current_setting('${name}') AS ${name}`)}`);
  expect(rows).toEqual([
    {
      application_name: "pool-test",
      statement_timeout: "5s",
      lock_timeout: "2s",
      idle_in_transaction_session_timeout: "10s",
    },
  ]);
  expect(pool.options).toMatchObject({ max: 10, connectionTimeoutMillis: 2_000 });
});
