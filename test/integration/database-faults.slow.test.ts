import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { migrate } from "@grpc-service-template/prisma-migrations";
import pg from "pg";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { failure, type ObservedApp, startObservedApp } from "./observed-app.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

// The faults again, with the limits that production has, and over and over.

const DEFAULTS = {
  USER_SERVICE_DATABASE_CONNECT_TIMEOUT_MS: undefined,
  USER_SERVICE_DATABASE_STATEMENT_TIMEOUT_MS: undefined,
  USER_SERVICE_DATABASE_LOCK_TIMEOUT_MS: undefined,
  USER_SERVICE_HEALTH_INTERVAL_MS: undefined,
};

let dataDir: string;
let server: EmbeddedPostgres;
let proxy: TcpProxy;
let app: ObservedApp;

const start = () => startEmbeddedPostgres({ dataDir });

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "slow-faults-"));
  server = await start();
  await migrate({ url: server.url, migrationsDir: "internal/app/user-service/prisma/migrations" });
  proxy = await startTcpProxy(server.url);
  app = await startObservedApp(proxy.url, DEFAULTS);
});

afterEach(async () => {
  proxy.mend();
  await app.close();
  await proxy.close();
  await server.stop("immediate");
  await rm(dataDir, { recursive: true, force: true });
});

let emails = 0;
const read = () => app.users.listUsers({});
const write = () => {
  emails += 1;
  return app.users.createUser({ user: { email: `${emails}@example.org`, displayName: "Ada" } });
};

const UNAVAILABLE = { code: "Unavailable", reason: "DATABASE_UNAVAILABLE", retryAfterSeconds: 1 };

/** Locks the users until the returned function is called. */
async function lockUsers(): Promise<() => Promise<void>> {
  const holder = new pg.Client(server.url);
  await holder.connect();
  await holder.query("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  return () => holder.end();
}

it("a silent database costs a call without a deadline 6 seconds, a read 1.5 more, and the next ones 1.5", async () => {
  await Promise.all([read(), read()]);
  proxy.blackHole();
  const [reading, writing] = await Promise.all([failure(read()), failure(write())]);
  expect(reading).toMatchObject(UNAVAILABLE);
  expect(writing).toMatchObject(UNAVAILABLE);
  expect(writing.ms).toBeLessThan(6_600);
  expect(reading.ms).toBeLessThan(8_100);
  const next = await failure(write());
  expect(next).toMatchObject(UNAVAILABLE);
  expect(next.ms).toBeLessThan(2_000);
  proxy.mend();
  await expect.poll(() => write().then(() => "answered", String), { timeout: 3_000 }).toBe("answered");
});

it("an exhausted pool answers within 2 seconds", async () => {
  const unlock = await lockUsers();
  const holding = Array.from({ length: 10 }, () => failure(write()));
  await expect.poll(() => app.metric('db_pool_connections{state="in_use"}')).toBeGreaterThanOrEqual(10);
  const refused = await Promise.all(Array.from({ length: 20 }, () => failure(read())));
  for (const told of refused) {
    expect(told).toMatchObject(UNAVAILABLE);
    expect(told.ms).toBeLessThan(2_000);
  }
  await Promise.all(holding);
  await unlock();
  await write();
});

it("a statement that works for too long is DEADLINE_EXCEEDED after 5 seconds", async () => {
  await runOn(
    server.url,
    `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(20); RETURN NEW; END';
     CREATE TRIGGER wait BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION wait()`,
  );
  const told = await failure(write());
  expect(told).toMatchObject({ code: "DeadlineExceeded", reason: "DATABASE_TIMEOUT" });
  expect(told.ms).toBeGreaterThan(4_900);
  expect(told.ms).toBeLessThan(5_500);
});

it("under load, servers that are killed and come back lose no promised write, and answer nothing unknown", async () => {
  const kept: string[] = [];
  const codes = new Set<string>();
  let stopped = false;
  const workers = Array.from({ length: 8 }, async () => {
    while (!stopped) {
      const calling = Math.random() < 0.5 ? read() : write().then(({ user }) => kept.push(user?.id ?? ""));
      await calling.catch((error) => codes.add(error instanceof ConnectError ? (Code[error.code] ?? "?") : error));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  for (const how of ["immediate", "fast", "immediate"] as const) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await server.stop(how);
    await new Promise((resolve) => setTimeout(resolve, 300));
    server = await start();
    await expect.poll(() => read().then(() => "answered", String), { timeout: 5_000 }).toBe("answered");
  }
  for (const fault of [proxy.reset, proxy.halfOpen, proxy.cut]) {
    fault();
    await new Promise((resolve) => setTimeout(resolve, 300));
    proxy.mend();
  }
  await expect.poll(() => write().then(() => "answered", String), { timeout: 10_000 }).toBe("answered");
  stopped = true;
  await Promise.all(workers);
  expect([...codes].filter((code) => code !== "Unavailable")).toEqual([]);
  const { rows } = await runOn(server.url, "SELECT id FROM users");
  expect(rows.map(({ id }) => id)).toEqual(expect.arrayContaining(kept));
  expect(await app.metric('db_pool_connections{state="in_use"}')).toBe(0);
});
