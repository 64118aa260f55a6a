import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Health } from "@grpc-service-template/grpc-health";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { type Run, runService, type ServiceProcess, startService } from "./service-process.ts";
import { startTcpGate } from "./tcp-gate.ts";

const FAULTY = "test/e2e/faulty-service.ts";
const MIGRATIONS = readdirSync("internal/app/user-service/prisma/migrations")
  .filter((name) => /^\d/.test(name))
  .sort();
const PRISMA_LOCK = 72_707_369;
const PATIENT = { timeout: 10_000 };

const running: Run[] = [];
afterEach(() => {
  for (const run of running.splice(0)) run.signal("SIGKILL");
});

/** Runs a command of the service until the test ends at the latest. */
function run(...args: Parameters<typeof runService>): Run {
  const started = runService(...args);
  running.push(started);
  return started;
}

async function createDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const database = await (migrated ? createTestDatabase("user-service") : createEmptyDatabase());
  onTestFinished(() => database.drop());
  return database;
}

/** A connection of the test's own, until it ends. */
async function connect({ url }: TestDatabase): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** A port that somebody else listens on. */
async function takePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function findClosedPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function edited(url: string, edit: (url: URL) => void): string {
  const copy = new URL(url);
  edit(copy);
  return copy.href;
}

/** How a run has ended: its exit code, and the one line it leaves for the operator. */
async function outcome({ exited, stderr }: Run) {
  const code = await exited;
  return { code, stderr: stderr() };
}

describe("a start that fails says why, and in its exit code", () => {
  it("64: an unknown command", async () => {
    expect(await outcome(run({}, { command: "server" }))).toEqual({
      code: 64,
      stderr: expect.stringMatching(/^usage: user-service .*\n$/),
    });
  });

  it("78: a wrong configuration, a line for each mistake", async () => {
    const { code, stderr } = await outcome(run({ PORT: "80abc", DATABASE_URL: "postgresql://localhost/none" }));
    expect(code).toBe(78);
    expect(stderr).toMatch(/^user-service: .*\n {2}port = "80abc" \(PORT\): .*\n$/);
  });

  it("69: a database that is not reached within databaseWaitMs, after saying that it waits", async () => {
    const port = await findClosedPort();
    const env = {
      DATABASE_URL: `postgresql://ada:secret@127.0.0.1:${port}/users`,
      USER_SERVICE_DATABASE_WAIT_MS: "900",
    };
    for (const command of ["serve", "migrate"]) {
      const waiting = run(env, { command });
      const reason = `connect ECONNREFUSED 127.0.0.1:${port}`;
      expect(await outcome(waiting)).toEqual({
        code: 69,
        stderr: `user-service: database 127.0.0.1:${port}/users not reached (databaseWaitMs: 900): ${reason}\n`,
      });
      expect(waiting.log.filter(({ message }) => message === "waiting for the database")).toMatchObject([
        { level: "warn", database: `127.0.0.1:${port}/users`, reason },
      ]);
    }
  });

  it("77: a user or a password that the database refuses", async () => {
    const { url } = await createDatabase();
    const { code, stderr } = await outcome(run({ DATABASE_URL: edited(url, (it) => (it.username = "nobody")) }));
    expect(code).toBe(77);
    expect(stderr).toMatch(/^user-service: database .*"nobody"; check the user and the password in DATABASE_URL\n$/);
  });

  it("77: a user without the right to migrate", async () => {
    const database = await createDatabase({ migrated: false });
    const admin = await connect(database);
    const role = `lifecycle_${process.pid}_${Date.now()}`;
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'p'`);
    onTestFinished(async () => {
      const client = new pg.Client(database.url);
      await client.connect();
      await client.query(`DROP ROLE ${role}`);
      await client.end();
    });
    const url = edited(database.url, (it) => {
      it.username = role;
      it.password = "p";
    });
    const { code, stderr } = await outcome(run({ DATABASE_URL: url }));
    expect(code).toBe(77);
    expect(stderr).toMatch(
      /^user-service: database .*: permission denied for schema public; grant the right to the user in DATABASE_URL\n$/,
    );
  });

  it("78: a database that does not exist", async () => {
    const { url } = await createDatabase();
    const { code, stderr } = await outcome(run({ DATABASE_URL: edited(url, (it) => (it.pathname = "/no_such")) }));
    expect(code).toBe(78);
    expect(stderr).toMatch(
      /^user-service: database .*\/no_such: database "no_such" does not exist; create it, or check the name in DATABASE_URL\n$/,
    );
  });

  it("65: pending migrations, where they are not to be applied", async () => {
    const { url } = await createDatabase({ migrated: false });
    expect(await outcome(run({ DATABASE_URL: url, USER_SERVICE_MIGRATIONS: "refuse" }))).toEqual({
      code: 65,
      stderr: `user-service: the database lacks ${MIGRATIONS.join(", ")}; run the migrate command, or let the service do it (migrations: apply)\n`,
    });
  });

  it("65: a migration that broke half-way", async () => {
    const database = await createDatabase();
    const client = await connect(database);
    await client.query("UPDATE _prisma_migrations SET finished_at = NULL");
    for (const migrations of ["apply", "refuse"]) {
      const { code, stderr } = await outcome(run({ DATABASE_URL: database.url, USER_SERVICE_MIGRATIONS: migrations }));
      expect(code).toBe(65);
      expect(stderr).toMatch(
        new RegExp(`^user-service: migration ${MIGRATIONS[0]}, started at .*, never finished: .*\n$`),
      );
    }
  });

  it.each(["PORT", "ADMIN_PORT"])("71: the port of %s is in use", async (variable) => {
    const { url } = await createDatabase();
    const port = await takePort();
    expect(await outcome(run({ DATABASE_URL: url, [variable]: String(port) }))).toEqual({
      code: 71,
      stderr: `user-service: port ${port} is in use; stop what listens there or choose another (PORT, ADMIN_PORT)\n`,
    });
  });
});

describe("a start that succeeds", () => {
  it("waits for a database that is not up yet, alive and not ready, and then serves", async () => {
    const { url } = await createDatabase();
    const { hostname, port } = new URL(url);
    const proxy = await startTcpGate({ host: hostname, port: Number(port) });
    onTestFinished(proxy.close);
    const adminPort = await findClosedPort();
    const waiting = run({
      ADMIN_PORT: String(adminPort),
      USER_SERVICE_DATABASE_CONNECT_TIMEOUT_MS: "1000",
      DATABASE_URL: edited(url, (it) => (it.host = `127.0.0.1:${proxy.port}`)),
    });
    await waiting.logged("waiting for the database");
    const statuses = ["livez", "readyz"].map(
      async (page) => (await fetch(`http://127.0.0.1:${adminPort}/${page}`)).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 503]);
    proxy.open();
    await waiting.logged("serving");
    waiting.signal("SIGTERM");
    expect(await outcome(waiting)).toEqual({ code: 0, stderr: "" });
  });

  it("warns of a database that is ahead of this release, and serves", async () => {
    const database = await createDatabase();
    const client = await connect(database);
    await client.query(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
                        VALUES ('x', 'x', '29990101000000_later', now(), 1)`);
    const service = run({ DATABASE_URL: database.url });
    await service.logged("serving");
    expect(await service.logged("the database is ahead of this release, as after a rollback")).toMatchObject({
      level: "warn",
      newer: ["29990101000000_later"],
    });
  });

  it("migrates once when four instances start at the same time", async () => {
    const database = await createDatabase({ migrated: false });
    const instances = [1, 2, 3, 4].map(() => run({ DATABASE_URL: database.url }));
    await Promise.all(instances.map((instance) => instance.logged("serving")));
    const applied = instances.flatMap(({ log }) => log.filter(({ message }) => message === "migration applied"));
    expect(applied.map(({ migration }) => migration).toSorted()).toEqual(MIGRATIONS);
    for (const instance of instances) instance.signal("SIGTERM");
    expect(await Promise.all(instances.map(outcome))).toEqual(instances.map(() => ({ code: 0, stderr: "" })));
  });
});

describe("SIGTERM while it starts ends the start: 0 for serve, 143 for migrate, which is not done", () => {
  const COMMANDS = [
    ["serve", 0],
    ["migrate", 143],
  ] as const;

  it.each(COMMANDS)("%s that waits for the database", async (command, code) => {
    const port = await findClosedPort();
    const waiting = run({ DATABASE_URL: `postgresql://127.0.0.1:${port}/users` }, { command });
    await waiting.logged("waiting for the database");
    const started = performance.now();
    waiting.signal("SIGTERM");
    expect(await outcome(waiting)).toEqual({ code, stderr: "" });
    // Not the 30 s that it would wait for the database.
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it.each(COMMANDS)("%s that waits for another instance's migrations", async (command, code) => {
    const database = await createDatabase({ migrated: false });
    const other = await connect(database);
    await other.query(`SELECT pg_advisory_lock(${PRISMA_LOCK})`);
    const waiting = run({ DATABASE_URL: database.url }, { command });
    await waiting.logged("waiting for another process that migrates the database");
    waiting.signal("SIGTERM");
    expect(await outcome(waiting)).toEqual({ code, stderr: "" });
    const { rows } = await other.query("SELECT to_regclass('users') AS users");
    expect(rows).toEqual([{ users: null }]);
  });

  it.each(COMMANDS)("%s whose migration waits for a lock: nothing is half-done", async (command, code) => {
    const database = await createDatabase({ migrated: false });
    const [other, watcher] = [await connect(database), await connect(database)];
    // Of two that create the same table, the later one waits for what becomes of the earlier one's transaction.
    await other.query("BEGIN; CREATE TABLE users (id int)");
    const waiting = run({ DATABASE_URL: database.url }, { command });
    const waits = `SELECT FROM pg_stat_activity WHERE datname = current_database()
                     AND application_name = 'migrate' AND wait_event_type = 'Lock'`;
    await expect.poll(async () => (await watcher.query(waits)).rowCount, PATIENT).toBe(1);
    waiting.signal("SIGTERM");
    expect(await outcome(waiting)).toEqual({ code, stderr: "" });
    await other.query("ROLLBACK");

    const next = run({ DATABASE_URL: database.url });
    await next.logged("serving");
    const applied = next.log.filter(({ message }) => message === "migration applied");
    expect(applied.map(({ migration }) => migration)).toEqual(MIGRATIONS);
  });
});

describe("a stop", () => {
  let database: TestDatabase;
  let service: ServiceProcess | undefined;

  beforeEach(async () => {
    database = await createTestDatabase("user-service");
  });
  afterEach(async () => {
    await service?.stop("SIGKILL");
    await database.drop();
  });

  const usersOf = ({ baseUrl }: { baseUrl: string }) => createClient(UserService, createGrpcTransport({ baseUrl }));
  const ada = { user: { email: "ada@example.com", displayName: "Ada" } };

  /** A faulty service that serves, and a client of it. */
  async function startFaulty(fault: string, env: NodeJS.ProcessEnv = {}) {
    const faulty = run({ DATABASE_URL: database.url, FAULT: fault, ...env }, { program: FAULTY });
    await faulty.logged("serving");
    const { port } = await faulty.logged("listening");
    return { faulty, users: usersOf({ baseUrl: `http://127.0.0.1:${port}` }) };
  }

  it("aborts a call that does not end within drainTimeoutMs: its client sees UNAVAILABLE; 0", async () => {
    service = await startService({
      DATABASE_URL: database.url,
      USER_SERVICE_DRAIN_TIMEOUT_MS: "300",
      USER_SERVICE_DATABASE_LOCK_TIMEOUT_MS: "60000",
      USER_SERVICE_DATABASE_STATEMENT_TIMEOUT_MS: "60000",
    });
    const users = usersOf(service);
    const { id = "" } = (await users.createUser(ada)).user ?? {};
    const other = await connect(database);
    await other.query("BEGIN; LOCK TABLE users");
    const call = users.updateUser({ user: { id, displayName: "Countess" }, updateMask: { paths: ["display_name"] } });
    const refused = expect(call).rejects.toMatchObject({ message: "[unavailable] the server is shutting down" });
    await expect
      .poll(async () => (await other.query("SELECT FROM pg_locks WHERE NOT granted")).rowCount, PATIENT)
      .toBeGreaterThan(0);
    const exitCode = service.stop("SIGTERM");
    await refused;
    expect(await exitCode).toBe(0);
    expect(service.log.at(-1)).toMatchObject({ message: "stopped", abortedCalls: 1 });
  });

  it.each([
    ["throws later", "uncaught exception", "nobody catches this"],
    ["rejects later", "unhandled rejection", "nobody awaits this"],
  ])("after a handler that %s logs it once with its stack, drains, and ends with 70", async (fault, message, text) => {
    const { faulty, users } = await startFaulty(fault);
    await expect(users.createUser(ada)).resolves.toMatchObject(ada);
    expect(await outcome(faulty)).toEqual({ code: 70, stderr: "" });
    const errors = faulty.log.filter(({ level }) => level === "error");
    expect(errors).toMatchObject([{ message, requestId: expect.any(String) }]);
    expect(errors[0]?.error).toMatch(new RegExp(`^Error: ${text}\\n +at .*faulty-service\\.ts`));
    expect(faulty.log.at(-1)).toMatchObject({ message: "stopped", abortedCalls: 0 });
  });

  it.each([
    ["crashes while it closes", "unhandled rejection", "stopped"],
    ["fails to close", "closing failed", "closing failed"],
    ["never closes", "closing took too long", "closing took too long"],
  ])("that %s ends all the same, with 70 and a line in the log", async (fault, message, last) => {
    const { faulty } = await startFaulty(fault, { USER_SERVICE_DRAIN_TIMEOUT_MS: "0" });
    faulty.signal("SIGTERM");
    expect(await outcome(faulty)).toEqual({ code: 70, stderr: "" });
    expect(faulty.log.filter(({ level }) => level === "error")).toMatchObject([{ message }]);
    expect(faulty.log.at(-1)).toMatchObject({ message: last });
  });

  it("ends at once at the second signal: 143", async () => {
    const stopping = run({ DATABASE_URL: database.url, USER_SERVICE_DRAIN_DELAY_MS: "5000" });
    await stopping.logged("serving");
    stopping.signal("SIGTERM");
    await stopping.logged("not serving");
    stopping.signal("SIGTERM");
    expect(await outcome(stopping)).toEqual({ code: 143, stderr: "" });
  });

  it("stays alive to its probes, and not ready, until it is drained", async () => {
    service = await startService({ DATABASE_URL: database.url, USER_SERVICE_DRAIN_DELAY_MS: "2000" });
    const { adminPort, baseUrl } = service;
    const health = createClient(Health, createGrpcTransport({ baseUrl }));
    const status = async (name: string) => (await health.check({ service: name })).status;
    const seen = async () => ({
      livez: (await fetch(`http://127.0.0.1:${adminPort}/livez`)).status,
      readyz: (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status,
      liveness: await status("liveness"),
      startup: await status("startup"),
      readiness: await status("readiness"),
    });
    expect(await seen()).toEqual({ livez: 200, readyz: 200, liveness: 1, startup: 1, readiness: 1 });
    const exitCode = service.stop("SIGTERM");
    await expect.poll(seen, PATIENT).toEqual({ livez: 200, readyz: 503, liveness: 1, startup: 1, readiness: 2 });
    expect(await exitCode).toBe(0);
  });
});
