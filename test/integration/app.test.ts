import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import { createApp, migrate } from "#internal/app/user-service/app.ts";
import { loadUserServiceConfig } from "#internal/app/user-service/config.ts";
import { type Database, openDatabase } from "#internal/app/user-service/database.ts";
import { captureLog } from "../../internal/pkg/middleware/echo-server.fixture.ts";
import { createEmptyDatabase, type TestDatabase } from "../database/test-database.ts";

let testDatabase: TestDatabase;

beforeEach(async () => {
  testDatabase = await createEmptyDatabase();
});
afterEach(() => testDatabase.drop());

const load = (env: NodeJS.ProcessEnv = {}) =>
  loadUserServiceConfig({
    APP_ENV: "test",
    PORT: "0",
    ADMIN_PORT: "0",
    LOG_LEVEL: "error",
    DATABASE_URL: testDatabase.url,
    ...env,
  });

/** The app in this process, with a database that differs from the real one. */
function create(different: (real: Database) => Partial<Database>, env?: NodeJS.ProcessEnv) {
  const { logger, lines } = captureLog();
  const real = openDatabase({ url: testDatabase.url, applicationName: "test" }, logger);
  const app = createApp(load(env), { logger, database: { ...real, ...different(real) } });
  return { app, real, messages: () => lines.map(({ message }) => message), lines };
}

it("waits for the database, and says so", async () => {
  let refusals = 1;
  const { app, lines } = create((real) => ({
    async check() {
      refusals -= 1;
      if (refusals >= 0) throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
      await real.check();
    },
  }));
  await app.start();
  expect(lines[0]).toMatchObject({ level: "warn", message: "waiting for the database", reason: "refused" });
  await app.close();
});

it("has connections, and Prisma its engine, before it takes calls", async () => {
  const app = createApp(load());
  const { adminPort } = await app.start();
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  expect(metrics).toContain('db_pool_connections{state="idle"} 5\n');
  expect(metrics).toContain('db_query_duration_seconds_count{operation="User.findMany"} 1\n');
  await app.close();
});

it("does not listen for calls once its start was ended", async () => {
  const stop = new AbortController();
  const reason = new Error("stop");
  const { app, messages } = create((real) => ({
    async prepare(migrations) {
      await real.prepare(migrations);
      stop.abort(reason);
    },
  }));
  await expect(app.start(stop.signal)).rejects.toBe(reason);
  await app.close();
  expect(messages()).toEqual(["migration applied", "stopped"]);
});

it("closes without the statement of an aborted call, and says that it goes on", async () => {
  const called = Promise.withResolvers<void>();
  const { app, real, lines } = create(
    (real) => ({
      users: {
        ...real.users,
        list() {
          called.resolve();
          return new Promise(() => {});
        },
      },
      close: () => new Promise(() => {}),
    }),
    { USER_SERVICE_DRAIN_TIMEOUT_MS: "0" },
  );
  const { port } = await app.start();
  const users = createClient(UserService, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
  const call = expect(users.listUsers({})).rejects.toMatchObject({
    message: "[unavailable] the server is shutting down",
  });
  await called.promise;
  await app.close();
  await call;
  expect(lines.slice(-2)).toMatchObject([
    { level: "warn", message: "a statement of an aborted call goes on" },
    { level: "info", message: "stopped", abortedCalls: 1 },
  ]);
  await real.close();
});

it("logs what ends the process, with its stack", () => {
  const { app, lines } = create(() => ({}));
  app.onFatal("uncaught exception", new Error("boom"));
  expect(lines).toMatchObject([{ level: "error", message: "uncaught exception" }]);
  expect(lines[0]?.error).toMatch(/^Error: boom\n +at /);
  expect(app.closeTimeoutMs).toBe(23_000);
});

it("its migrate command applies the migrations, whatever the configuration says of the start", async () => {
  const config = load({ USER_SERVICE_MIGRATIONS: "refuse" });
  const refusing = createApp(config);
  await expect(refusing.start()).rejects.toMatchObject({ reason: "pending" });
  await refusing.close();
  await migrate(config);
  const app = createApp(config);
  await expect(app.start()).resolves.toMatchObject({ port: expect.any(Number) });
  await app.close();
});

it("the bound of closing lies within Kubernetes' grace period, with the defaults", () => {
  const app = createApp(load({ APP_ENV: "production" }));
  expect(app.closeTimeoutMs).toBeLessThan(30_000);
});
