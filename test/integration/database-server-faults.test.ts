import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@grpc-service-template/prisma-migrations";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { expectFaultObserved, failure, type ObservedApp, startObservedApp } from "./observed-app.ts";

// What happens to calls, logs and metrics when a PostgreSQL of one's own dies, is full, or becomes a standby.

let dataDir: string;
let server: EmbeddedPostgres;
let app: ObservedApp;

// Durable: a server that is killed must not lose the migrations.
const start = () => startEmbeddedPostgres({ dataDir });

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "database-faults-"));
  server = await start();
  await migrate({ url: server.url, migrationsDir: "internal/app/user-service/prisma/migrations" });
});

afterAll(async () => {
  await server?.stop("immediate");
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(async () => {
  app = await startObservedApp(server.url);
});

afterEach(() => app.close());

let emails = 0;
const read = () => app.users.listUsers({});
const write = () => {
  emails += 1;
  return app.users.createUser({ user: { email: `${emails}@example.org`, displayName: "Ada" } });
};

const UNAVAILABLE = { code: "Unavailable", reason: "DATABASE_UNAVAILABLE", retryAfterSeconds: 1 };

const CALLS = { ListUsers: read, CreateUser: write };

/** Half of what a connection may take, the shortest of the limits that calls would otherwise wait for. */
const AT_ONCE_MS = 5_000;

async function expectUnavailable(rpc: keyof typeof CALLS, cause: RegExp): Promise<void> {
  const told = await failure(CALLS[rpc]());
  expect(told).toMatchObject(UNAVAILABLE);
  expect(told.ms).toBeLessThan(AT_ONCE_MS);
  await expectFaultObserved(app, rpc, "Unavailable", cause);
}

async function expectRecovery(): Promise<void> {
  const started = performance.now();
  await write();
  await read();
  expect(performance.now() - started).toBeLessThan(AT_ONCE_MS);
}

it.each([
  ["is killed", "immediate"],
  ["shuts down", "fast"],
] as const)(
  "calls are UNAVAILABLE at once while a server that %s is away, and go on when it is back",
  async (_, how) => {
    await Promise.all([read(), read(), write()]);
    await server.stop(how);
    await expectUnavailable("ListUsers", /ECONNREFUSED|P1001/);
    await expectUnavailable("CreateUser", /ECONNREFUSED|P1001/);
    server = await start();
    await expectRecovery();
  },
);

it("calls do not notice a server that was restarted between them", async () => {
  await Promise.all([read(), read(), write()]);
  await server.stop();
  server = await start();
  await expectRecovery();
});

/** Locks the users until `end`, or until the server dies. */
async function lockUsers(): Promise<{ end(): Promise<void> }> {
  const holder = new pg.Client(server.url);
  holder.on("error", () => {});
  await holder.connect();
  await holder.query("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  return { end: () => holder.end() };
}

const LOCK_WAITERS = "FROM pg_stat_activity WHERE application_name = 'user-service' AND wait_event_type = 'Lock'";

async function expectLockWaiters(count: number): Promise<void> {
  await expect.poll(async () => (await runOn(server.url, `SELECT 1 ${LOCK_WAITERS}`)).rowCount).toBe(count);
}

it("a call under way when the server is killed is UNAVAILABLE", async () => {
  await lockUsers();
  const calls = [failure(read()), failure(write())];
  await expectLockWaiters(2);
  await server.stop("immediate");
  for (const told of await Promise.all(calls)) {
    expect(told).toMatchObject(UNAVAILABLE);
    expect(told.ms).toBeLessThan(AT_ONCE_MS);
  }
  server = await start();
  await expectRecovery();
});

it("calls are UNAVAILABLE at once while the server has no connection left", async () => {
  const hoard: pg.Client[] = [];
  const take = async () => {
    const client = new pg.Client(server.url);
    client.on("error", () => {});
    await client.connect();
    hoard.push(client);
    return client;
  };
  const admin = await take();
  await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'user-service'");
  const takeAll = async () => {
    for (;;) await take();
  };
  await expect(takeAll()).rejects.toMatchObject({ code: "53300" });
  await expectUnavailable("ListUsers", /P2037|53300/);
  await expectUnavailable("CreateUser", /P2037|53300/);
  await Promise.all(hoard.map((client) => client.end()));
  await expect.poll(() => read().then(() => "answered", String)).toBe("answered");
  await expectRecovery();
});

it("writes are UNAVAILABLE while the server takes none, reads go on, and new connections are made to find the primary", async () => {
  await read();
  await runOn(server.url, "ALTER SYSTEM SET default_transaction_read_only = on");
  await runOn(server.url, "SELECT pg_reload_conf()");
  await expect
    .poll(async () => (await runOn(server.url, "SHOW transaction_read_only")).rows[0])
    .toEqual({
      transaction_read_only: "on",
    });
  const pids = async () =>
    (await runOn(server.url, "SELECT pid FROM pg_stat_activity WHERE application_name = 'user-service'")).rows;
  const before = await pids();
  await expectUnavailable("CreateUser", /P2039|25006/);
  await read();
  for (const pid of await pids()) expect(before).not.toContainEqual(pid);
  await runOn(server.url, "ALTER SYSTEM RESET default_transaction_read_only");
  await runOn(server.url, "SELECT pg_reload_conf()");
  await expect.poll(() => write().then(() => "answered", String)).toBe("answered");
  await expectRecovery();
});

it("a read whose connection the server ends is asked again, a write is not", async () => {
  const whenEnded = async (call: () => Promise<unknown>) => {
    const lock = await lockUsers();
    const result = call().then(
      () => "answered",
      (error) => error.rawMessage,
    );
    await expectLockWaiters(1);
    await runOn(server.url, `SELECT pg_terminate_backend(pid) ${LOCK_WAITERS}`);
    await lock.end();
    return result;
  };
  expect(await whenEnded(read)).toBe("answered");
  expect(await whenEnded(write)).toBe("the database does not answer; try again");
  await expectRecovery();
});
