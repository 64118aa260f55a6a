import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ConfigError, ENVIRONMENTS, loadConfig, type Options, variableOf } from "./load-config.ts";
import { count, flag, list, milliseconds, port, postgresUrl, text } from "./options.ts";

interface Config {
  readonly port: number;
  readonly name: string;
  readonly corsOrigins: readonly string[];
  readonly drainDelayMs: number;
  readonly reflection: boolean;
}

const options: Options<Config> = {
  port: port({ doc: "A port.", default: 8080 }),
  name: text({ doc: "A name.", default: "nobody" }),
  corsOrigins: list({ doc: "A list.", default: [] }),
  drainDelayMs: milliseconds({ doc: "A time.", default: 5_000 }),
  reflection: flag({ doc: "A flag.", default: false }),
};

const DEFAULTS: Config = { port: 8080, name: "nobody", corsOrigins: [], drainDelayMs: 5_000, reflection: false };

/** A folder with these files, gone when the test ends. */
function folder(files: Readonly<Record<string, unknown>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), "config-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(directory, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return directory;
}

const load = (env: NodeJS.ProcessEnv, files?: Readonly<Record<string, unknown>>) =>
  loadConfig("my-service", options, { env, directory: folder(files) });

/** The lines of the error that `work` throws. */
function complaints(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return String((error as ConfigError).message).split("\n");
  }
  return expect.unreachable("nothing was wrong");
}

test("without a file and variables the defaults hold", () => {
  expect(load({})).toEqual(DEFAULTS);
});

test("the file wins over the defaults, and a variable over the file", () => {
  const files = { "development.json": { port: 1, drainDelayMs: 2 } };
  expect(load({ PORT: "3" }, files)).toEqual({ ...DEFAULTS, port: 3, drainDelayMs: 2 });
});

test("the file is that of APP_ENV, which is development when not set or empty", () => {
  const files = { "development.json": { name: "dev" }, "production.json": { name: "prod" } };
  expect(load({ APP_ENV: "production" }, files).name).toBe("prod");
  expect(load({ APP_ENV: "test" }, files).name).toBe("nobody");
  expect(load({ APP_ENV: "" }, files).name).toBe("dev");
  expect(load({}, files).name).toBe("dev");
});

test.each(ENVIRONMENTS)("%s is an environment", (environment) => {
  expect(load({ APP_ENV: environment })).toEqual(DEFAULTS);
});

test.each(["prod", "Production", "../secrets", "toString"])("%s is not an environment", (environment) => {
  expect(complaints(() => load({ APP_ENV: environment }))).toEqual([
    `APP_ENV: must be one of development, test, staging, production; it is "${environment}"`,
  ]);
});

test.each([
  ["port", "PORT"],
  ["adminPort", "ADMIN_PORT"],
  ["logLevel", "LOG_LEVEL"],
  ["databaseUrl", "DATABASE_URL"],
  ["logFormat", "USER_SERVICE_LOG_FORMAT"],
  ["drainDelayMs", "USER_SERVICE_DRAIN_DELAY_MS"],
  ["databaseMaxConnections", "USER_SERVICE_DATABASE_MAX_CONNECTIONS"],
  ["http2Limit", "USER_SERVICE_HTTP2_LIMIT"],
])("the variable of %s is %s", (key, variable) => {
  expect(variableOf("user-service", key)).toBe(variable);
});

test("every kind of option can be set by its variable", () => {
  const env = {
    PORT: "0",
    MY_SERVICE_NAME: "somebody",
    MY_SERVICE_CORS_ORIGINS: "https://a.example, https://b.example",
    MY_SERVICE_DRAIN_DELAY_MS: "0",
    MY_SERVICE_REFLECTION: "true",
  };
  expect(load(env)).toEqual({
    port: 0,
    name: "somebody",
    corsOrigins: ["https://a.example", "https://b.example"],
    drainDelayMs: 0,
    reflection: true,
  });
});

test("variables of other services and arguments of the process change nothing", () => {
  expect(load({ NAME: "x", OTHER_SERVICE_NAME: "y", MY_SERVICE_UNKNOWN: "z" })).toEqual(DEFAULTS);
});

test("everything that is wrong has a line that says which option, which variable, and the value", () => {
  const env = { PORT: "80abc", MY_SERVICE_DRAIN_DELAY_MS: "-1" };
  expect(complaints(() => load(env, { "development.json": { reflection: "maybe", prot: 1 } }))).toEqual([
    'port (PORT): must be a port number, 0 (any free one) to 65535: value was "80abc"',
    'drainDelayMs (MY_SERVICE_DRAIN_DELAY_MS): must be a whole number of milliseconds: value was "-1"',
    'reflection (MY_SERVICE_REFLECTION): must be true or false: value was "maybe"',
    "configuration param 'prot' not declared in the schema",
  ]);
});

test("a file that is no JSON is named", () => {
  const directory = folder({ "staging.json": "{bad" });
  const [line, ...more] = complaints(() =>
    loadConfig("my-service", options, { env: { APP_ENV: "staging" }, directory }),
  );
  expect(line).toMatch(`${join(directory, "staging.json")}: `);
  expect(line).toContain("JSON");
  expect(more).toEqual([]);
});

test("a secret that is wrong is asked for, and not repeated", () => {
  const secret = { databaseUrl: postgresUrl({ doc: "A database." }) };
  const directory = folder();
  for (const env of [{}, { DATABASE_URL: "" }, { DATABASE_URL: "mysql://root:hunter2@localhost/db" }]) {
    expect(complaints(() => loadConfig("my-service", secret, { env, directory }))).toEqual([
      "databaseUrl (DATABASE_URL): must be set: a URL such as postgresql://user:password@localhost:5432/database",
    ]);
  }
});

test("unless told otherwise the environment is the process's, and the files are those of the repository", () => {
  vi.stubEnv("APP_ENV", "production");
  vi.stubEnv("USER_SERVICE_NAME", "from the process");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const named = { name: text({ doc: "A name.", default: "nobody" }) };
  expect(loadConfig("user-service", named)).toEqual({ name: "from the process" });
  expect(() => loadConfig("no-such-service", named)).toThrow("configs/no-such-service is neither in");
});

test("a default that breaks its own format is found at once", () => {
  const wrong = { limit: count({ doc: "A limit.", default: -1 }) };
  expect(complaints(() => loadConfig("my-service", wrong, { env: {}, directory: folder() }))).toEqual([
    "limit (MY_SERVICE_LIMIT): must be a whole number above 0: value was -1",
  ]);
});
