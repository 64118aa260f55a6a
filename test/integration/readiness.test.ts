import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Health } from "@grpc-service-template/grpc-health";
import { afterEach, beforeEach, expect, it } from "vitest";
import winston from "winston";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import { type App, createApp } from "#internal/app/user-service/app.ts";
import { loadUserServiceConfig } from "#internal/app/user-service/config.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

const SERVING = 1;
const NOT_SERVING = 2;

let database: TestDatabase;
let proxy: TcpProxy;
let app: App;
let adminUrl: string;
let rpcUrl: string;

beforeEach(async () => {
  database = await createTestDatabase("user-service");
  proxy = await startTcpProxy(database.url);
  app = createApp(
    loadUserServiceConfig({
      APP_ENV: "test",
      PORT: "0",
      ADMIN_PORT: "0",
      DATABASE_URL: proxy.url,
      USER_SERVICE_HEALTH_INTERVAL_MS: "20",
      USER_SERVICE_DATABASE_CONNECT_TIMEOUT_MS: "10000",
      USER_SERVICE_HEALTH_TIMEOUT_MS: "10000",
    }),
    { logger: winston.createLogger({ silent: true }) },
  );
  const { port, adminPort } = await app.start();
  adminUrl = `http://127.0.0.1:${adminPort}`;
  rpcUrl = `http://127.0.0.1:${port}`;
});

afterEach(async () => {
  await app.close();
  await proxy.close();
  await database.drop();
});

it("follows the database in /readyz and in the health service, and recovers without a restart", async () => {
  const health = createClient(Health, createGrpcTransport({ baseUrl: rpcUrl }));
  const seen = async () => ({
    readyz: (await fetch(`${adminUrl}/readyz`)).status,
    livez: (await fetch(`${adminUrl}/livez`)).status,
    server: (await health.check({})).status,
    service: (await health.check({ service: UserService.typeName })).status,
  });
  expect(await seen()).toEqual({ readyz: 200, livez: 200, server: SERVING, service: SERVING });

  proxy.cut();
  await expect.poll(seen).toEqual({ readyz: 503, livez: 200, server: NOT_SERVING, service: NOT_SERVING });

  proxy.mend();
  await expect.poll(seen).toEqual({ readyz: 200, livez: 200, server: SERVING, service: SERVING });
});

it("says the same in /readyz and in the health service while the database comes and goes", async () => {
  const health = createClient(Health, createGrpcTransport({ baseUrl: rpcUrl }));
  const readyz = async () => ((await fetch(`${adminUrl}/readyz`)).status === 200 ? SERVING : NOT_SERVING);
  const names = ["", "readiness", UserService.typeName];

  for (let round = 0; round < 6; round += 1) {
    if (round % 2 === 0) proxy.cut();
    else proxy.mend();
    const expected = round % 2 === 0 ? NOT_SERVING : SERVING;
    // Through the change, and for a while after it.
    for (let settled = 0; settled < 5; ) {
      const before = await readyz();
      const answers = await Promise.all(names.map(async (service) => (await health.check({ service })).status));
      // Asked one after the other, they are about the same moment only where nothing has changed meanwhile.
      if ((await readyz()) !== before) continue;
      expect(answers).toEqual(names.map(() => before));
      expect((await health.check({ service: "liveness" })).status).toBe(SERVING);
      expect((await health.check({ service: "startup" })).status).toBe(SERVING);
      if (before === expected) settled += 1;
    }
  }
});

it("answers UNAVAILABLE, and nothing of the driver's text, while the database is away", async () => {
  const users = createClient(UserService, createGrpcTransport({ baseUrl: rpcUrl }));
  proxy.cut();
  await expect(users.listUsers({})).rejects.toMatchObject({
    message: "[unavailable] the database does not answer; try again",
  });

  proxy.mend();
  await expect.poll(() => users.listUsers({})).toMatchObject({ users: [] });
});
