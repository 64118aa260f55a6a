import type { CallOptions } from "@connectrpc/connect";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { expectFaultObserved, failure, type ObservedApp, startObservedApp, type Told } from "./observed-app.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

// What happens to calls, logs and metrics when the way to the database, or the database, is in trouble. Servers that die
// are in database-server-faults.test.ts.

let database: TestDatabase;
let proxy: TcpProxy;
let app: ObservedApp;

beforeEach(async () => {
  database = await createTestDatabase("user-service");
  proxy = await startTcpProxy(database.url);
  app = await startObservedApp(proxy.url);
});

/** Starts the service anew, with limits that a test waits for. */
async function restart(env: NodeJS.ProcessEnv): Promise<void> {
  await app.close();
  app = await startObservedApp(proxy.url, env);
}

afterEach(async () => {
  proxy.mend();
  await app.close();
  await proxy.close();
  await database.drop();
});

/** A deadline that only the server knows: a client that knew would answer itself, and reset the stream. */
function deadlineOf(ms: number): CallOptions {
  return { headers: { "grpc-timeout": `${ms}m` } };
}

let emails = 0;
const read = (options?: CallOptions) => app.users.listUsers({}, options);
const readOne = (options?: CallOptions) => app.users.getUser({ id: "01976d3e-0000-7000-8000-000000000000" }, options);
const write = (options?: CallOptions) => {
  emails += 1;
  return app.users.createUser({ user: { email: `${emails}@example.org`, displayName: "Ada" } }, options);
};
const CALLS = [
  ["ListUsers", read],
  ["CreateUser", write],
] as const;

/** Half of what a connection may take, the shortest of the limits that calls would otherwise wait for. */
const AT_ONCE_MS = 5_000;

/** All rows are of a database that came back to life: neither the pool nor the service needs a restart. */
async function expectRecovery(): Promise<void> {
  const started = performance.now();
  await write();
  await read();
  expect(performance.now() - started).toBeLessThan(AT_ONCE_MS);
}

const UNAVAILABLE = { code: "Unavailable", reason: "DATABASE_UNAVAILABLE", retryAfterSeconds: 1 };

/** The service's connections, by what they do. */
async function connections(state: string): Promise<number> {
  const { rows } = await runOn(
    database.url,
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'user-service' AND state LIKE $1`,
    [state],
  );
  return rows[0].count;
}

async function whileLocked(work: () => Promise<void>): Promise<void> {
  const holder = new pg.Client(database.url);
  await holder.connect();
  try {
    await holder.query("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    await work();
  } finally {
    await holder.end();
  }
}

describe.each(CALLS)("a call of %s", (rpc, call) => {
  it("is UNAVAILABLE at once while the way to the database is cut", async () => {
    proxy.cut();
    const told = await failure(call());
    expect(told).toMatchObject(UNAVAILABLE);
    expect(told.ms).toBeLessThan(AT_ONCE_MS);
    await expectFaultObserved(app, rpc, "Unavailable", /\[(08001|08006|ECONNRESET|P1017)\]/);
    proxy.mend();
    await expectRecovery();
  });

  it("does not notice that idle connections were reset", async () => {
    proxy.reset();
    await expect(call()).resolves.toBeDefined();
    expect(app.lines).toContainEqual(expect.objectContaining({ message: "an idle database connection broke" }));
    await expectRecovery();
  });

  it("does not notice that a firewall forgot connections that were idle", async () => {
    await read();
    await expect.poll(() => connections("idle")).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    proxy.halfOpen();
    const started = performance.now();
    await expect(call()).resolves.toBeDefined();
    // After the half second that a connection has to say that it lives, not the minute of a statement.
    expect(performance.now() - started).toBeLessThan(AT_ONCE_MS);
    await expectRecovery();
  });

  it("takes as long as the database, and no longer than its deadline", async () => {
    proxy.delay(100);
    await expect(call()).resolves.toBeDefined();
    proxy.delay(AT_ONCE_MS);
    const told = await failure(call(deadlineOf(300)));
    expect(told.code).toBe("DeadlineExceeded");
    expect(told.ms).toBeLessThan(AT_ONCE_MS);
    proxy.mend();
    await expectRecovery();
  });

  it("ends at its deadline when the database has fallen silent", async () => {
    proxy.blackHole();
    const told = await failure(call(deadlineOf(300)));
    expect(told.code).toBe("DeadlineExceeded");
    expect(told.ms).toBeLessThan(AT_ONCE_MS);
    const line = app.lines.findLast(({ message }) => message === "call");
    expect(line).toMatchObject({ level: "warn", code: "DeadlineExceeded" });
    expect(line?.durationMs).toBeLessThan(AT_ONCE_MS);
    proxy.mend();
    await expectRecovery();
  });

  it("is UNAVAILABLE when the lock that it needs is not free in time", async () => {
    await restart({ USER_SERVICE_DATABASE_LOCK_TIMEOUT_MS: "300" });
    await whileLocked(async () => {
      const told = await failure(call());
      expect(told).toMatchObject(UNAVAILABLE);
      expect(told.ms).toBeLessThan(AT_ONCE_MS);
      await expectFaultObserved(app, rpc, "Unavailable", /P2039|55P03/);
    });
    await expectRecovery();
  });

  it("takes its statement with it when its deadline passes, and leaves no transaction", async () => {
    await whileLocked(async () => {
      const told = await failure(call(deadlineOf(200)));
      expect(told.code).toBe("DeadlineExceeded");
      expect(told.ms).toBeLessThan(AT_ONCE_MS);
      await expect.poll(() => connections("active")).toBe(0);
      expect(await connections("idle in transaction%")).toBe(0);
    });
    await expectRecovery();
  });

  it("takes its statement with it when its client goes away", async () => {
    await whileLocked(async () => {
      const client = new AbortController();
      const calling = failure(call({ signal: client.signal }));
      await expect.poll(() => connections("active")).toBe(1);
      client.abort();
      expect(await calling).toMatchObject({ code: "Canceled" });
      await expect.poll(() => connections("active")).toBe(0);
    });
    expect((await read()).users).toEqual([]);
    await expectRecovery();
  });

  it("is UNAVAILABLE when the pool has no connection to give in time", async () => {
    await restart({ USER_SERVICE_DATABASE_MAX_CONNECTIONS: "2", USER_SERVICE_DATABASE_CONNECT_TIMEOUT_MS: "2000" });
    const holding: Promise<unknown>[] = [];
    await whileLocked(async () => {
      holding.push(read(), read());
      await expect.poll(() => connections("active")).toBe(2);
      expect(await app.metric('db_pool_connections{state="in_use"}')).toBe(2);
      const refused = failure(call());
      await expect.poll(() => app.metric("db_pool_waiting")).toBe(1);
      const told = await refused;
      expect(told).toMatchObject(UNAVAILABLE);
      expect(told.ms).toBeLessThan(2 * AT_ONCE_MS);
      expect(await app.metric("db_pool_timeouts_total")).toBe(1);
      await expectFaultObserved(app, rpc, "Unavailable", /\[08001\]/);
    });
    await Promise.all(holding);
    await expectRecovery();
    expect(await app.metric('db_pool_connections{state="in_use"}')).toBe(0);
  });

  it("is UNAVAILABLE once the server owes its answer for longer than a statement may take", async () => {
    await restart({
      USER_SERVICE_DATABASE_CONNECT_TIMEOUT_MS: "2000",
      USER_SERVICE_DATABASE_STATEMENT_TIMEOUT_MS: "800",
    });
    proxy.blackHole();
    const told = await failure(call());
    expect(told).toMatchObject(UNAVAILABLE);
    // The statement's 800 ms and the grace of a second; a read then tries a new connection, for two.
    expect(told.ms).toBeLessThan(2 * AT_ONCE_MS);
    await expectFaultObserved(app, rpc, "Unavailable", /\[0800[16]\]/);
    proxy.mend();
    await expectRecovery();
  });
});

describe("many calls", () => {
  it("of one statement keep it as long as one of them waits", async () => {
    let patient: Promise<Told> | undefined;
    await whileLocked(async () => {
      const impatient = failure(readOne(deadlineOf(150)));
      patient = failure(readOne());
      expect((await impatient).code).toBe("DeadlineExceeded");
      expect(await connections("active")).toBeGreaterThan(0);
    });
    expect(await patient).toMatchObject({ code: "NotFound" });
  });

  it("that run into their deadlines leave the pool free", async () => {
    await whileLocked(async () => {
      const calls = Array.from({ length: 30 }, (_, i) => failure((i % 2 ? read : write)(deadlineOf(200))));
      for (const { code } of await Promise.all(calls)) expect(code).toBe("DeadlineExceeded");
      await expect.poll(() => connections("active")).toBe(0);
    });
    expect(await connections("idle in transaction%")).toBe(0);
    await expectRecovery();
  });
});

it("operations are timed by their names", async () => {
  await readOne().catch(() => {});
  await write();
  // The start, and the first call of all tests, list.
  for (const [operation, count] of Object.entries({ "User.findMany": 2, "User.findUnique": 1, "User.create": 1 })) {
    expect(await app.metric(`db_query_duration_seconds_count{operation="${operation}"}`), operation).toBe(count);
  }
});
