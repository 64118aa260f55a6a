import { ConfigError } from "@grpc-service-template/config";
import { expect, test } from "vitest";
import { loadUserServiceConfig } from "./config.ts";

const env = { APP_ENV: "production", DATABASE_URL: "postgresql://localhost/users" };

test("in production the database is all that must be given, and nothing is open that need not be", () => {
  expect(() => loadUserServiceConfig({ APP_ENV: "production" })).toThrow(/databaseUrl \(DATABASE_URL/);
  expect(loadUserServiceConfig(env)).toMatchObject({
    port: 8080,
    logFormat: "json",
    corsOrigins: [],
    reflection: false,
    migrations: "refuse",
  });
});

test.each([
  ["a drain that leaves 5 s of the grace period", ["--drain-delay-ms=6s", "--drain-timeout-ms=19s"]],
  ["a longer drain in a longer grace period", ["--drain-timeout-ms=50s", "--termination-grace-period-ms=1m"]],
  ["a default as long as the cap", ["--deadline-default-ms=10s", "--deadline-cap-ms=10s"]],
])("%s is allowed", (_what, args) => {
  expect(loadUserServiceConfig(env, args)).toHaveProperty("drainDelayMs");
});

test.each([
  ["a drain that leaves less", ["--drain-timeout-ms=20001"]],
  ["a default above the cap", ["--deadline-default-ms=301s"]],
  ["no deadline", ["--deadline-default-ms=0"]],
])("%s is refused", (_what, args) => {
  expect(() => loadUserServiceConfig(env, args)).toThrow(ConfigError);
});
