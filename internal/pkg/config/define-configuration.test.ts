import { count, port } from "@grpc-service-template/config";
import { expect, onTestFinished, test, vi } from "vitest";
import { defineConfiguration } from "./define-configuration.ts";

const options = {
  port: port({ doc: "A port.", default: 8080 }),
  limit: count({ doc: "A limit.", default: 3 }),
};

/** Reads configs/user-service/production.json, which there is not. */
const env = { APP_ENV: "production" };
const configuration = defineConfiguration("user-service", options, [
  { keys: ["limit"], rule: "the limit must be odd", holds: ({ limit }) => limit % 2 === 1 },
]);

test("shared options have plain variables, a service's own begin with its name", () => {
  const loaded = configuration.load({ ...env, PORT: "1", USER_SERVICE_LIMIT: "5" });
  expect(loaded.values).toEqual({ port: 1, limit: 5 });
  expect(configuration.load(env, ["--limit=7"]).values).toEqual({ port: 8080, limit: 7 });
});

test("the service's rules hold", () => {
  expect(() => configuration.load({ ...env, USER_SERVICE_LIMIT: "4" })).toThrow("the limit must be odd");
});

test("unless told otherwise the variables are the process's; what is in force is described as a table or as JSON", () => {
  vi.stubEnv("APP_ENV", "production");
  vi.stubEnv("PORT", "1234");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  expect(configuration.load().values.port).toBe(1234);
  expect(configuration.describe(["--limit=5"])).toMatch(/^port +1234 +PORT\nlimit +5 +--limit$/m);
  expect(JSON.parse(configuration.describe(["--limit=5", "--json"])).options.limit).toEqual({
    value: 5,
    from: "--limit",
  });
});

test("a service whose folder of files is nowhere has no configuration", () => {
  const { reference } = defineConfiguration("no-such-service", options, []);
  expect(reference).toThrow("configs/no-such-service is neither in");
});
