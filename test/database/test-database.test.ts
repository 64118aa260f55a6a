import { migrate, migrationStatus } from "@grpc-service-template/prisma-migrations";
import { describe, expect, inject, test } from "vitest";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { startTestServer } from "./start-test-server.ts";
import { createEmptyDatabase, createTestDatabase } from "./test-database.ts";

const migrationsDir = "internal/app/user-service/prisma/migrations";

describe("createTestDatabase", () => {
  test("gives a database with all migrations applied", async () => {
    const database = await createTestDatabase("user-service");
    expect(await migrationStatus({ url: database.url, migrationsDir })).toMatchObject({ pending: [] });
    expect((await runOn(database.url, "SELECT * FROM users")).rows).toEqual([]);
    await database.drop();
  });

  test("gives an empty database on demand", async () => {
    const database = await createEmptyDatabase();
    expect((await migrate({ url: database.url, migrationsDir })).applied).not.toEqual([]);
    await database.drop();
  });

  test("gives many at the same time, each its own", async () => {
    const databases = await Promise.all(Array.from({ length: 12 }, () => createTestDatabase("user-service")));
    expect(new Set(databases.map(({ url }) => url)).size).toBe(12);
    await Promise.all(databases.map(({ url }) => runOn(url, "CREATE TABLE mine ()")));
    await Promise.all(databases.map(({ drop }) => drop()));
  });

  test("drops a database that is in use", async () => {
    const database = await createTestDatabase("user-service");
    const sleeper = runOn(database.url, "SELECT pg_sleep(60)");
    const ended = expect(sleeper).rejects.toThrow();
    await database.drop();
    await ended;
    await expect(runOn(database.url, "SELECT 1")).rejects.toMatchObject({ code: "3D000" });
  });

  test("says what is missing when a service has no migrations", async () => {
    await expect(createTestDatabase("nobody")).rejects.toThrow("internal/app/nobody/prisma/migrations");
  });
});

describe("startTestServer", () => {
  const nowhere = { DOCKER_HOST: "tcp://127.0.0.1:1" };

  test("takes the server that TEST_DATABASE_URL names, before all others", async () => {
    const url = inject("testDatabases").adminUrl;
    const server = await startTestServer({ TEST_DATABASE_URL: url, ...nowhere });
    expect(server).toMatchObject({
      adminUrl: url,
      description: expect.stringMatching(/^TEST_DATABASE_URL \([\w.:]+\)$/),
    });
  });

  test("falls back to the embedded server where no container can be started, and says why", {
    timeout: 60_000,
  }, async () => {
    const server = await startTestServer(nowhere);
    try {
      expect(server.description).toMatch(/^embedded PostgreSQL 17 \(Docker: cannot connect to tcp:.*ECONNREFUSED\)\)$/);
      const { rows } = await runOn(server.adminUrl, "SHOW server_version");
      expect(rows).toEqual([{ server_version: expect.stringMatching(/^17\./) }]);
    } finally {
      await server.stop();
    }
    await expect(runOn(server.adminUrl, "SELECT 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test.each([
    [{ TEST_DATABASE: "testcontainers", ...nowhere }, /cannot connect to tcp:/],
    [{ TEST_DATABASE: "url" }, /needs TEST_DATABASE_URL/],
    [{ TEST_DATABASE: "sqlite" }, /must be url, testcontainers or embedded; it is "sqlite"/],
  ])("fails with the reason under %o, which cannot be had", async (env, reason) => {
    await expect(startTestServer(env)).rejects.toThrow(reason);
  });
});
