import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ENVIRONMENTS } from "@grpc-service-template/config";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// What an operator sees who configures the service wrongly, letter by letter. The program is a bundle in a folder of its
// own, so that its configuration files can be broken.

const DATABASE_URL = "postgresql://ada:hunter2@127.0.0.1:1/users";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "configuration-"));
  await promisify(execFile)(process.execPath, ["build/package/bundle.ts", "user-service", folder]);
  await writeFile(join(folder, "wrong-url"), "mysql://ada:hunter2@127.0.0.1/users\n");
  await writeFile(join(folder, "url"), `${DATABASE_URL}\n`);
  await writeFile(join(folder, "empty"), "\n");
  await mkdir(join(folder, "a-folder"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Case {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** The text of configs/user-service/staging.json, for which APP_ENV is staging. */
  readonly file?: string;
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run({ args = [], env = {}, file }: Case): Promise<Outcome> {
  if (file !== undefined) await writeFile(join(folder, "configs/user-service/staging.json"), file);
  const appEnv = file === undefined ? {} : { APP_ENV: "staging" };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(folder, "main.mjs"), ...args],
      { cwd: folder, env: { PATH: process.env.PATH, DATABASE_URL, ...appEnv, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

const refusal = (environment: string, ...lines: string[]) =>
  [
    `user-service: the configuration cannot be used (APP_ENV=${environment}):`,
    ...lines.map((line) => `  ${line}`),
    "",
  ].join("\n");

const URL_WANTED =
  "a URL such as postgresql://user:password@localhost:5432/database; its sslmode, if any: verify-full, verify-ca, require, prefer, no-verify or disable";
const TIME_WANTED = "a time, 0 to 2147483647 ms: 5000, 250ms, 5s, 2m, 1h";
const FILE = "configs/user-service/staging.json";

describe.each(["serve", "migrate", "config"])("%s", (command) => {
  test("refuses a wrong configuration with 78, all that is wrong, and no secret", async () => {
    const file = '{\n  "logLevel": "loud",\n  "drainDelay": 1,\n  "reflection": true,\n  "reflection": false\n}\n';
    const env = { PORT: "80abc", USER_SERVICE_DRAIN_DELY_MS: "1", DATABASE_URL: "mysql://ada:hunter2@127.0.0.1/users" };
    const outcome = await run({ args: [command, "--drain-timeout-ms=soon", "--prot=1"], env, file });
    expect(outcome).toEqual({
      code: 78,
      stdout: "",
      stderr: refusal(
        "staging",
        `drainDelay (${FILE}:3:3): no such option; did you mean drainDelayMs?`,
        `reflection (${FILE}:5:3): set before, in line 4`,
        "USER_SERVICE_DRAIN_DELY_MS: no such variable; did you mean USER_SERVICE_DRAIN_DELAY_MS?",
        "--prot: no such flag; did you mean --port?",
        'port = "80abc" (PORT): must be a port number, 0 (any free one) to 65535',
        `logLevel = "loud" (${FILE}:2:3): must be one of error, warn, info, debug`,
        `databaseUrl = *** (DATABASE_URL): must be ${URL_WANTED}`,
        `drainTimeoutMs = "soon" (--drain-timeout-ms): must be ${TIME_WANTED}`,
      ),
    });
  });
});

describe("the table of wrong configurations", () => {
  test.each<[string, Case, string[]]>([
    [
      "no database",
      { env: { DATABASE_URL: "" } },
      [`databaseUrl (DATABASE_URL or DATABASE_URL_FILE): must be set, to ${URL_WANTED}`],
    ],
    [
      "a database twice",
      { env: { DATABASE_URL_FILE: "url" } },
      ["databaseUrl (DATABASE_URL, DATABASE_URL_FILE): both are set; unset one"],
    ],
    [
      "a secret's file that is not there",
      { env: { DATABASE_URL: "", DATABASE_URL_FILE: "/run/secrets/nowhere" } },
      ['databaseUrl (DATABASE_URL_FILE): "/run/secrets/nowhere" cannot be read (ENOENT)'],
    ],
    [
      "a secret's file that is a folder",
      { env: { DATABASE_URL: "", DATABASE_URL_FILE: "a-folder" } },
      ['databaseUrl (DATABASE_URL_FILE): "a-folder" cannot be read (EISDIR)'],
    ],
    [
      "a secret's file that is empty",
      { env: { DATABASE_URL: "", DATABASE_URL_FILE: "empty" } },
      ['databaseUrl (DATABASE_URL_FILE): "empty" is empty'],
    ],
    [
      "a secret's file with a wrong secret",
      { env: { DATABASE_URL: "", DATABASE_URL_FILE: "wrong-url" } },
      [`databaseUrl = *** (DATABASE_URL_FILE): must be ${URL_WANTED}`],
    ],
    [
      "a secret in a flag",
      { args: ["config", `--database-url=${DATABASE_URL}`] },
      [
        "databaseUrl (--database-url): a secret is no flag, since every user of the machine can read it; " +
          "set DATABASE_URL or DATABASE_URL_FILE",
      ],
    ],
    [
      "a variable with a prefix that it does not have",
      { env: { USER_SERVICE_LOG_LEVEL: "debug", USER_SERVICE_DATABASE_URL_FILE: "url" } },
      [
        "USER_SERVICE_DATABASE_URL_FILE: no such variable; did you mean DATABASE_URL_FILE?",
        "USER_SERVICE_LOG_LEVEL: no such variable; did you mean LOG_LEVEL?",
      ],
    ],
    [
      "flags without value, with two, without dashes, like nothing",
      { args: ["config", "--port", "9000", "--admin-port=1", "--admin-port=2", "log-level=debug", "--verbose"] },
      [
        "port (--port): has no value; write --port=value",
        "adminPort (--admin-port): given twice",
        '"log-level=debug": not a flag; a flag looks like --key=value',
        "--verbose: no such flag",
      ],
    ],
    [
      "values of each kind",
      {
        env: {
          PORT: "65536",
          USER_SERVICE_REFLECTION: "yes",
          USER_SERVICE_CORS_ORIGINS: "https://app.example.com/",
          USER_SERVICE_DATABASE_MAX_CONNECTIONS: "0",
          USER_SERVICE_HEALTH_INTERVAL_MS: "0",
          USER_SERVICE_DRAIN_DELAY_MS: "5sec",
        },
      },
      [
        'port = "65536" (PORT): must be a port number, 0 (any free one) to 65535',
        'corsOrigins = "https://app.example.com/" (USER_SERVICE_CORS_ORIGINS): ' +
          "must be a list of origins such as https://app.example.com, without a path, or *",
        'reflection = "yes" (USER_SERVICE_REFLECTION): must be true or false',
        'databaseMaxConnections = "0" (USER_SERVICE_DATABASE_MAX_CONNECTIONS): must be a whole number, at least 1',
        'healthIntervalMs = "0" (USER_SERVICE_HEALTH_INTERVAL_MS): ' +
          "must be a time, 1 to 2147483647 ms: 5000, 250ms, 5s, 2m, 1h",
        `drainDelayMs = "5sec" (USER_SERVICE_DRAIN_DELAY_MS): must be ${TIME_WANTED}`,
      ],
    ],
    [
      "a drain longer than the grace period",
      { args: ["config", "--drain-delay-ms=10s", "--drain-timeout-ms=20s"] },
      [
        "drainDelayMs = 10000 (--drain-delay-ms), drainTimeoutMs = 20000 (--drain-timeout-ms), " +
          "terminationGracePeriodMs = 30000 (default): " +
          "drainDelayMs + drainTimeoutMs + 5000 must not exceed terminationGracePeriodMs",
      ],
    ],
    [
      "one port for both servers",
      { env: { PORT: "9000" }, args: ["config", "--admin-port=9000"] },
      ["port = 9000 (PORT), adminPort = 9000 (--admin-port): port and adminPort must differ"],
    ],
    [
      "a deadline cap below the default",
      { env: { USER_SERVICE_DEADLINE_CAP_MS: "10s" } },
      [
        "deadlineDefaultMs = 30000 (default), deadlineCapMs = 10000 (USER_SERVICE_DEADLINE_CAP_MS): " +
          "deadlineDefaultMs must not exceed deadlineCapMs",
      ],
    ],
  ])("%s", async (_what, wrong, lines) => {
    const outcome = await run({ args: ["config"], ...wrong });
    expect(outcome).toEqual({ code: 78, stdout: "", stderr: refusal("development", ...lines) });
  });

  test.each<[string, string, string]>([
    ["broken JSON", '{\n  "port": 8080\n  "host": ""\n}\n', `${FILE}:3:3: expected "," or "}", found a string`],
    ["JSON that ends early", '{"port": 8080', `${FILE}:1:14: expected "," or "}", found the end of the file`],
    ["a comment", '// why\n{"port": 8080}', `${FILE}:1:1: expected one object, such as {"port": 8080}, found /`],
    ["no object", "[]", `${FILE}:1:1: expected one object, such as {"port": 8080}, found [`],
    [
      "a secret",
      `{"databaseUrl": "${DATABASE_URL}"}`,
      `databaseUrl (${FILE}:1:2): a secret does not belong in this file; set DATABASE_URL or DATABASE_URL_FILE`,
    ],
    ["an unknown key", '{"prot": 1}', `prot (${FILE}:1:2): no such option; did you mean port?`],
    [
      "a value of another type",
      '{"corsOrigins": {"a": 1}}',
      `corsOrigins = {"a":1} (${FILE}:1:2): must be a list of origins such as https://app.example.com, without a path, or *`,
    ],
  ])("a file with %s", async (_what, file, line) => {
    const outcome = await run({ args: ["config"], file });
    expect(outcome).toEqual({ code: 78, stdout: "", stderr: refusal("staging", line) });
  });

  test("an unknown environment", async () => {
    const outcome = await run({ args: ["config"], env: { APP_ENV: "prodution" } });
    const line =
      'APP_ENV = "prodution": must be one of development, test, staging, production; did you mean production?';
    expect(outcome).toEqual({ code: 78, stdout: "", stderr: refusal("prodution", line) });
  });
});

describe("what is right", () => {
  test("is printed with the place that each value comes from, without passwords", async () => {
    const env = { DATABASE_URL: "", DATABASE_URL_FILE: "url", ADMIN_PORT: "9999", APP_ENV: "test" };
    const { code, stdout, stderr } = await run({ args: ["config", "--port=9000", "--drain-delay-ms=5s"], env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, " | "));
    expect(lines).toEqual(
      expect.arrayContaining([
        "APP_ENV=test",
        "option | value | from",
        "port | 9000 | --port",
        "adminPort | 9999 | ADMIN_PORT",
        "reflection | true | configs/user-service/test.json:2:3",
        'databaseUrl | "postgresql://***@127.0.0.1:1/users" | DATABASE_URL_FILE',
        "drainDelayMs | 5000 ms | --drain-delay-ms",
        "drainTimeoutMs | 20000 ms | default",
      ]),
    );
    expect(stdout).not.toContain("hunter2");
  });

  test("is printed as JSON too", async () => {
    const { stdout } = await run({ args: ["config", "--json", "--port=9000"], env: { APP_ENV: "production" } });
    expect(JSON.parse(stdout)).toMatchObject({
      environment: "production",
      options: { port: { value: 9000, from: "--port" }, logFormat: { value: "json", from: "default" } },
    });
    expect(stdout).not.toContain("hunter2");
  });

  test.each(ENVIRONMENTS)("the files of the repository are: %s", async (environment) => {
    const env = { PATH: process.env.PATH, APP_ENV: environment, DATABASE_URL };
    const { stderr } = await promisify(execFile)(process.execPath, ["cmd/user-service/main.ts", "config"], { env });
    expect(stderr).toBe("");
  });
});
