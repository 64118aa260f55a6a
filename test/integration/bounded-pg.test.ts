import { createPool, type Pool, type PoolOptions, runInCall } from "@grpc-service-template/bounded-pg";
import fc from "fast-check";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { createEmptyDatabase, type TestDatabase } from "../database/test-database.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

let database: TestDatabase;
let proxy: TcpProxy;
beforeAll(async () => {
  database = await createEmptyDatabase();
  proxy = await startTcpProxy(database.url);
});
afterEach(() => proxy.mend());
afterAll(async () => {
  await proxy.close();
  await database.drop();
});

const RUNS = Number(process.env.FUZZ_RUNS ?? 25);

/** Longer than a busy machine needs: whoever waits for a limit to be reached sets it. */
const PATIENT = {
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 60_000,
  lockTimeoutMs: 60_000,
  idleInTransactionTimeoutMs: 60_000,
  cancelTimeoutMs: 10_000,
};

function openPool(options: Partial<PoolOptions> = {}): Pool & AsyncDisposable {
  const pool = createPool({
    url: database.url,
    applicationName: "pool-test",
    onError: () => {},
    ...PATIENT,
    ...options,
  });
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() });
}

const query = (pool: Pool, sql: string): Promise<pg.QueryResult> => pool.query(sql);

async function backendOf(pool: Pool): Promise<number> {
  return (await query(pool, "SELECT pg_backend_pid() AS pid")).rows[0].pid;
}

/** How many of the pools' connections are in a state that is like this. */
async function inState(state: string): Promise<number> {
  const sql =
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pool-test' AND state LIKE $1";
  return (await runOn(database.url, sql, [state])).rowCount ?? 0;
}

async function timed(failing: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const started = performance.now();
  const error = await failing.then(
    () => expect.unreachable("it succeeded"),
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - started };
}

const GONE = new Error("the client left");

describe("a pool", () => {
  test("cancels a statement that takes too long, and keeps its connection", async () => {
    await using pool = openPool({ statementTimeoutMs: 200, maxConnections: 1 });
    const pid = await backendOf(pool);
    await expect(query(pool, "SELECT pg_sleep(60)")).rejects.toMatchObject({ code: "57014" });
    expect(await backendOf(pool)).toBe(pid);
  });

  test("gives up a lock that it does not get", async () => {
    await using pool = openPool({ lockTimeoutMs: 50 });
    const holder = await pool.connect();
    await holder.query("SELECT pg_advisory_lock(1)");
    await expect(query(pool, "SELECT pg_advisory_lock(1)")).rejects.toMatchObject({ code: "55P03" });
    holder.release(true);
  });

  test("closes a transaction that does nothing", async () => {
    await using pool = openPool({ idleInTransactionTimeoutMs: 50 });
    const client = await pool.connect();
    const closed = new Promise<Error>((resolve) => client.once("error", resolve));
    await client.query("BEGIN");
    expect(await closed).toMatchObject({ code: "25P03" });
    await expect(client.query("SELECT 1")).rejects.toMatchObject({ code: "08006" });
    client.release();
    expect(pool.stats()).toMatchObject({ inUse: 0, idle: 0 });
  });

  test("opens no more connections than it may, does not wait for a free one for ever, and counts who got none", async () => {
    await using pool = openPool({ maxConnections: 1, connectTimeoutMs: 2_000 });
    const only = await pool.connect();
    const waiting = timed(query(pool, "SELECT 1"));
    await expect.poll(() => pool.stats()).toEqual({ inUse: 1, idle: 0, waiting: 1, timeouts: 0 });
    expect(await waiting).toMatchObject({ error: { name: "ConnectionError", code: "08001" } });
    only.release();
    expect((await query(pool, "SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    expect(pool.stats()).toEqual({ inUse: 0, idle: 1, waiting: 0, timeouts: 1 });
  });

  test("survives the loss of an idle connection, and tells of it", async () => {
    const onError = vi.fn<(error: Error) => void>();
    await using pool = openPool({ onError });
    const pid = await backendOf(pool);
    await runOn(database.url, "SELECT pg_terminate_backend($1)", [pid]);
    await expect.poll(() => onError.mock.calls.length).toBe(1);
    expect((await query(pool, "SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });

  test("has limits, a time zone and a name without being told", async () => {
    const pool = createPool({ url: database.url, applicationName: "pool-test", onError: () => {} });
    onTestFinished(() => pool.end());
    const settings = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone"];
    const { rows } = await query(pool, `SELECT ${settings.map((name) => `current_setting('${name}') AS ${name}`)}`);
    expect(rows).toEqual([
      { statement_timeout: "5s", lock_timeout: "2s", idle_in_transaction_session_timeout: "10s", timezone: "UTC" },
    ]);
    expect(pool.options).toMatchObject({ max: 10, connectionTimeoutMillis: 1_500 });
  });

  test("does not lend a connection again that was given back within a transaction, or while it works", async () => {
    await using pool = openPool({ maxConnections: 1 });
    const pid = await backendOf(pool);
    const open = await pool.connect();
    await open.query("BEGIN");
    open.release();
    const next = await backendOf(pool);
    expect(next).not.toBe(pid);
    const busy = await pool.connect();
    const sleeping = timed(busy.query("SELECT pg_sleep(0.2)"));
    busy.release();
    expect(await sleeping).toMatchObject({ error: { code: "08006" } });
    expect(await backendOf(pool)).not.toBe(next);
    await expect.poll(() => inState("idle in transaction%")).toBe(0);
  });

  test("refuses a connection that is given back twice", async () => {
    await using pool = openPool();
    const client = await pool.connect();
    client.release();
    expect(() => client.release()).toThrow("released already");
  });

  test("takes callbacks and submittables as pg does", async () => {
    await using pool = openPool();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    pool.query("SELECT 1 AS one", (_error: unknown, result: pg.QueryResult) => resolve(result.rows));
    expect(await promise).toEqual([{ one: 1 }]);
    const client = await pool.connect();
    const ended = Promise.withResolvers<unknown>();
    client.query(new pg.Query("SELECT 2 AS two")).on("row", ended.resolve);
    expect(await ended.promise).toEqual({ two: 2 });
    client.release();
  });

  test("asks a connection that was idle whether it lives, and trusts no other when it does not", async () => {
    await using pool = openPool({ url: proxy.url, validateAfterMs: 20, validationTimeoutMs: 1_500, maxConnections: 3 });
    await Promise.all([backendOf(pool), backendOf(pool), backendOf(pool)]);
    expect(pool.stats().idle).toBe(3);
    await new Promise((resolve) => setTimeout(resolve, 30));
    proxy.halfOpen();
    const started = performance.now();
    await backendOf(pool);
    // One wait of 1.5 s, not two or three.
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(pool.stats()).toMatchObject({ inUse: 0, waiting: 0 });
  });

  test("closes a connection whose server says nothing about a statement, and says so by a code", async () => {
    await using pool = openPool({ url: proxy.url, statementTimeoutMs: 500, answerGraceMs: 500 });
    await backendOf(pool);
    proxy.blackHole();
    const { error, ms } = await timed(query(pool, "SELECT 1"));
    expect(error).toMatchObject({ code: "08006" });
    expect(ms).toBeLessThan(5_000);
    proxy.mend();
    await backendOf(pool);
  });

  test("says by a code that the server says nothing to a new connection", async () => {
    proxy.blackHole();
    await using pool = openPool({ url: proxy.url, connectTimeoutMs: 80 });
    const { error, ms } = await timed(query(pool, "SELECT 1"));
    expect(error).toMatchObject({ code: "08001" });
    // Not the 1.5 s of a pool that is not told.
    expect(ms).toBeLessThan(1_500);
  });

  test("says by a code that the server closed a new connection", async () => {
    proxy.cut();
    await using pool = openPool({ url: proxy.url });
    expect(await timed(query(pool, "SELECT 1"))).toMatchObject({
      error: { code: expect.stringMatching("08001|ECONNRESET") },
    });
  });

  test("ends within a bound, even while connections are in use or dead", async () => {
    const pool = openPool({ url: proxy.url, cancelTimeoutMs: 100 });
    const [held] = await Promise.all([pool.connect(), backendOf(pool)]);
    proxy.blackHole();
    const sleeping = timed(held.query("SELECT pg_sleep(0.2)"));
    const started = performance.now();
    await pool.end();
    // Not the second of a pool that is not told.
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(await sleeping).toMatchObject({ error: { code: "08006" } });
    held.release();
    expect(pool.stats()).toMatchObject({ inUse: 0, idle: 0 });
  });
});

describe("a call that ends", () => {
  const begin = (pool: Pool, sql: string) => {
    const client = new AbortController();
    const result = timed(runInCall(client, () => query(pool, sql)));
    return { client, result };
  };

  test("is told so at once, its statement is cancelled at the server, and its connection goes on", async () => {
    await using pool = openPool({ maxConnections: 1 });
    const pid = await backendOf(pool);
    const { client, result } = begin(pool, "SELECT pg_sleep(60)");
    await expect.poll(() => inState("active")).toBe(1);
    const started = performance.now();
    client.abort(GONE);
    expect((await result).error).toBe(GONE);
    expect(performance.now() - started).toBeLessThan(5_000);
    await expect.poll(() => inState("active")).toBe(0);
    expect(await backendOf(pool)).toBe(pid);
  });

  test("never begins when it has ended before", async () => {
    await using pool = openPool();
    const work = vi.fn(async () => {});
    await expect(runInCall({ signal: AbortSignal.abort(GONE) }, work)).rejects.toBe(GONE);
    expect(work).not.toHaveBeenCalled();
    expect(pool.stats()).toEqual({ inUse: 0, idle: 0, waiting: 0, timeouts: 0 });
  });

  test("leaves the queue for a connection, and takes none", async () => {
    await using pool = openPool({ maxConnections: 1 });
    const only = await pool.connect();
    const { client, result } = begin(pool, "SELECT 1");
    await expect.poll(() => pool.stats().waiting).toBe(1);
    client.abort(GONE);
    expect((await result).error).toBe(GONE);
    only.release();
    await expect.poll(() => pool.stats()).toEqual({ inUse: 0, idle: 1, waiting: 0, timeouts: 0 });
  });

  test.each([
    ["does nothing", () => new Promise(() => {})],
    ["works", (client: pg.PoolClient) => client.query("SELECT pg_sleep(60)")],
  ])("leaves no transaction, also one that %s, and none of its later statements is done", async (_, pause) => {
    await using pool = openPool({ maxConnections: 1 });
    await query(pool, "CREATE TABLE IF NOT EXISTS notes (text text)");
    const client = new AbortController();
    const lent = Promise.withResolvers<pg.PoolClient>();
    const result = timed(
      runInCall(client, async () => {
        const connection = await pool.connect();
        await connection.query("BEGIN");
        await connection.query("INSERT INTO notes VALUES ('half')");
        lent.resolve(connection);
        await pause(connection);
      }),
    );
    const connection = await lent.promise;
    client.abort(GONE);
    expect((await result).error).toBe(GONE);
    await expect.poll(() => inState("idle in transaction%")).toBe(0);
    await expect.poll(() => inState("active")).toBe(0);
    for (const sql of ["INSERT INTO notes VALUES ('later')", "COMMIT"]) {
      await expect(connection.query(sql)).rejects.toMatchObject({ code: "CALL_ENDED" });
    }
    await expect(connection.query("ROLLBACK")).resolves.toMatchObject({ command: "ROLLBACK" });
    connection.release();
    expect((await query(pool, "SELECT * FROM notes")).rows).toEqual([]);
  });

  test("is told so while its COMMIT goes on, which ends as it would have", async () => {
    await using pool = openPool({ maxConnections: 1 });
    const gate = new pg.Client(database.url);
    await gate.connect();
    onTestFinished(() => gate.end());
    await gate.query("SELECT pg_advisory_lock(1)");
    await query(pool, "CREATE TABLE IF NOT EXISTS slow (id int PRIMARY KEY)");
    await query(
      pool,
      `CREATE OR REPLACE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END'`,
    );
    await query(
      pool,
      "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    const client = new AbortController();
    const result = timed(
      runInCall(client, async () => {
        const connection = await pool.connect();
        await connection.query("BEGIN");
        await connection.query("INSERT INTO slow VALUES (1)");
        await connection.query("COMMIT").finally(() => connection.release());
      }),
    );
    const commits = "SELECT 1 FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event = 'advisory'";
    await expect.poll(async () => (await runOn(database.url, commits)).rowCount).toBe(1);
    client.abort(GONE);
    expect((await result).error).toBe(GONE);
    // Time for a request to cancel to arrive, if there were one.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await gate.query("SELECT pg_advisory_unlock(1)");
    await expect.poll(() => pool.stats().idle).toBe(1);
    expect((await query(pool, "SELECT * FROM slow")).rows).toEqual([{ id: 1 }]);
  });

  test("has its connection closed when the server does not hear of it", async () => {
    await using pool = openPool({ url: proxy.url, cancelTimeoutMs: 60, maxConnections: 1 });
    await backendOf(pool);
    proxy.blackHole();
    const { client, result } = begin(pool, "SELECT 1");
    await expect.poll(() => pool.stats().inUse).toBe(1);
    const started = performance.now();
    client.abort(GONE);
    expect((await result).error).toBe(GONE);
    await expect.poll(() => pool.stats().inUse).toBe(0);
    // Not the second of a pool that is not told.
    expect(performance.now() - started).toBeLessThan(1_000);
    proxy.mend();
    await backendOf(pool);
  });

  test("that ends while a new connection is made for it leaves that to the next", async () => {
    await using pool = openPool({ url: proxy.url });
    proxy.delay(20);
    const { client, result } = begin(pool, "SELECT pg_sleep(60)");
    client.abort(GONE);
    expect((await result).error).toBe(GONE);
    await expect.poll(() => pool.stats()).toEqual({ inUse: 0, idle: 1, waiting: 0, timeouts: 0 });
  });
});

test("whatever calls do and whenever they end, transactions are whole and the pool is free afterwards", {
  timeout: 60_000 + RUNS * 1_000,
}, async () => {
  await using pool = openPool({ url: proxy.url, maxConnections: 3, cancelTimeoutMs: 500 });
  await query(pool, "CREATE TABLE IF NOT EXISTS pairs (id int, half int)");
  let id = 0;

  const transaction = async (own: number, pauseMs: number) => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await client.query("INSERT INTO pairs VALUES ($1, 1)", [own]);
      await client.query("SELECT pg_sleep($1)", [pauseMs / 1_000]);
      await client.query("INSERT INTO pairs VALUES ($1, 2)", [own]);
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  };
  const plan = fc.record({
    kind: fc.constantFrom("transaction", "statement", "mistake"),
    pauseMs: fc.nat(6),
    endsAfterMs: fc.option(fc.nat(15)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 12 }), fc.boolean(), async (plans, reset) => {
      const done: number[] = [];
      const calls = plans.map(async ({ kind, pauseMs, endsAfterMs }) => {
        id += 1;
        const own = id;
        const controller = new AbortController();
        if (endsAfterMs !== null) setTimeout(() => controller.abort(GONE), endsAfterMs);
        await runInCall(controller, async () => {
          if (kind === "transaction") await transaction(own, pauseMs);
          else await query(pool, kind === "mistake" ? "SELECT 1/0" : `SELECT pg_sleep(${pauseMs / 1_000})`);
        });
        if (kind === "transaction") done.push(own);
      });
      if (reset) setTimeout(() => proxy.reset(), 4);
      await Promise.allSettled(calls);
      await expect.poll(() => pool.stats(), { interval: 5 }).toMatchObject({ inUse: 0, waiting: 0 });
      // The server takes a moment to notice a connection that was reset.
      await expect.poll(() => inState("idle in transaction%"), { interval: 5 }).toBe(0);
      const { rows } = await runOn(database.url, "SELECT id, count(*)::int AS halves FROM pairs GROUP BY id");
      for (const { halves } of rows) expect(halves).toBe(2);
      expect(rows.map((row) => row.id)).toEqual(expect.arrayContaining(done));
    }),
    { seed: 4, numRuns: RUNS },
  );
});
