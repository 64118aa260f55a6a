import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ConfigError, ENVIRONMENTS, loadConfig, type Rule } from "./load-config.ts";
import { count, flag, list, milliseconds, port, postgresUrl, secret, text, type Values } from "./options.ts";

const options = {
  port: port({ doc: "A port.", default: 8080 }),
  name: text({ doc: "A name.", default: "nobody" }),
  corsOrigins: list({ doc: "A list.", default: [] }),
  drainDelayMs: milliseconds({ doc: "A time.", default: 5_000 }),
  drainTimeoutMs: milliseconds({ doc: "Another time.", default: 20_000 }),
  reflection: flag({ doc: "A flag.", default: false }),
};

const rules: Rule<Values<typeof options>>[] = [
  {
    keys: ["drainDelayMs", "drainTimeoutMs"],
    rule: "the delay must not exceed the timeout",
    holds: ({ drainDelayMs, drainTimeoutMs }) => drainDelayMs <= drainTimeoutMs,
  },
];

const DEFAULTS = {
  port: 8080,
  name: "nobody",
  corsOrigins: [],
  drainDelayMs: 5_000,
  drainTimeoutMs: 20_000,
  reflection: false,
};

type Files = Readonly<Record<string, unknown>>;

interface Sources {
  readonly env?: NodeJS.ProcessEnv;
  readonly files?: Files;
  readonly args?: readonly string[];
}

/** A folder with these files, gone when the test ends. */
function folder(files: Files = {}): string {
  const directory = mkdtempSync(join(tmpdir(), "config-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(directory, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return directory;
}

const inFolder = (directory: string, { env = {}, args = [] }: Sources = {}) =>
  loadConfig({ service: "my-service", options, rules, plainVariables: ["port"], env, args, directory });

const load = (sources: Sources = {}) => inFolder(folder(sources.files), sources);

const secrets = {
  databaseUrl: postgresUrl({ doc: "A database." }),
  token: secret({ doc: "A token." }),
};

const loadSecrets = ({ env = {}, files, args = [] }: Sources) =>
  loadConfig({
    service: "my-service",
    options: secrets,
    plainVariables: ["databaseUrl"],
    env: { MY_SERVICE_TOKEN: "t", ...env },
    args,
    directory: folder(files),
  });

/** The errors of what `work` throws. */
function complaints(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.errors;
    throw error;
  }
  return expect.unreachable("nothing was wrong");
}

describe("sources", () => {
  test("without any the defaults hold", () => {
    expect(load()).toMatchObject({ environment: "development", values: DEFAULTS });
  });

  test("flags win over variables, variables over the file, the file over the defaults; each value knows its origin", () => {
    const directory = folder({ "development.json": '{\n  "port": 1, "name": "file",\n  "drainDelayMs": "2s"\n}' });
    const env = { PORT: "2", MY_SERVICE_NAME: "variable" };
    const { values, origins } = inFolder(directory, { env, args: ["--port=3"] });
    expect(values).toEqual({ ...DEFAULTS, port: 3, name: "variable", drainDelayMs: 2_000 });
    expect(origins).toMatchObject({
      port: { source: "flag", where: "--port" },
      name: { source: "variable", where: "MY_SERVICE_NAME" },
      drainDelayMs: { source: "file", where: `${join(directory, "development.json")}:3:3` },
      reflection: { source: "default", where: "default" },
    });
  });

  test("the file is that of APP_ENV, which is development when not set or empty", () => {
    const files = { "development.json": { name: "dev" }, "production.json": { name: "prod" } };
    const nameWith = (env: NodeJS.ProcessEnv) => load({ files, env }).values.name;
    expect(nameWith({ APP_ENV: "production" })).toBe("prod");
    expect(nameWith({ APP_ENV: "test" })).toBe("nobody");
    expect(nameWith({ APP_ENV: "" })).toBe("dev");
    expect(nameWith({})).toBe("dev");
  });

  test.each(ENVIRONMENTS)("%s is an environment", (environment) => {
    expect(load({ env: { APP_ENV: environment } })).toMatchObject({ environment, values: DEFAULTS });
  });

  test("every kind of option can be set by its variable, and by its flag", () => {
    const expected = {
      ...DEFAULTS,
      port: 0,
      name: "1.10",
      corsOrigins: ["a", "b"],
      drainDelayMs: 250,
      reflection: true,
    };
    const env = {
      PORT: "0",
      MY_SERVICE_NAME: "1.10",
      MY_SERVICE_CORS_ORIGINS: "a, b",
      MY_SERVICE_DRAIN_DELAY_MS: "250ms",
      MY_SERVICE_REFLECTION: "true",
    };
    const args = ["--port=0", "--name=1.10", "--cors-origins=a,b", "--drain-delay-ms=250ms", "--reflection"];
    expect(load({ env }).values).toEqual(expected);
    expect(load({ args }).values).toEqual(expected);
  });

  test("an empty variable is not set, an empty flag is an empty value", () => {
    const files = { "development.json": { name: "file", corsOrigins: ["a"] } };
    const env = { MY_SERVICE_NAME: "", MY_SERVICE_CORS_ORIGINS: "", PORT: "" };
    expect(load({ files, env }).values).toEqual({ ...DEFAULTS, name: "file", corsOrigins: ["a"] });
    expect(load({ files, args: ["--name=", "--cors-origins="] }).values).toEqual({ ...DEFAULTS, name: "" });
  });

  test("a flag's value may hold =, and a switch can be switched off", () => {
    expect(load({ args: ["--name=a=b\nc", "--reflection=false"] }).values).toMatchObject({ name: "a=b\nc" });
  });

  test("variables of other services, and those that Kubernetes sets for a Service of this name, change nothing", () => {
    const env = {
      NAME: "x",
      OTHER_SERVICE_NAME: "y",
      MY_SERVICE_UNKNOWN: "",
      MY_SERVICE_SERVICE_HOST: "10.0.0.1",
      MY_SERVICE_SERVICE_PORT: "8080",
      MY_SERVICE_SERVICE_PORT_GRPC: "8080",
      MY_SERVICE_PORT: "tcp://10.0.0.1:8080",
      MY_SERVICE_PORT_8080_TCP: "tcp://10.0.0.1:8080",
      MY_SERVICE_PORT_8080_TCP_PROTO: "tcp",
      MY_SERVICE_PORT_8080_TCP_PORT: "8080",
      MY_SERVICE_PORT_8080_TCP_ADDR: "10.0.0.1",
    };
    expect(load({ env }).values).toEqual(DEFAULTS);
  });

  test("a value that another one overrides is not checked", () => {
    const files = { "development.json": { port: "bad" } };
    expect(load({ files, env: { PORT: "worse" }, args: ["--port=1"] }).values.port).toBe(1);
  });

  test("unless told otherwise the variables are the process's", () => {
    vi.stubEnv("APP_ENV", "production");
    vi.stubEnv("MY_SERVICE_NAME", "from the process");
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const named = { name: text({ doc: "A name.", default: "nobody" }) };
    expect(loadConfig({ service: "my-service", options: named, directory: folder() })).toMatchObject({
      environment: "production",
      values: { name: "from the process" },
    });
  });

  test("values cannot be changed", () => {
    const { values } = load();
    expect(() => Object.assign(values, { port: 1 })).toThrow(TypeError);
    expect(() => (values.corsOrigins as string[]).push("a")).toThrow(TypeError);
  });
});

describe("secrets", () => {
  const url = "postgresql://u:hunter2@localhost/db";

  test.each([
    [`${url}\n`, url],
    [`${url}\r\n`, url],
    [url, url],
  ])("may stand in a file that the variable with _FILE names: %j", (content, expected) => {
    const path = join(folder({ secret: content }), "secret");
    const { values, origins } = loadSecrets({ env: { DATABASE_URL_FILE: path, DATABASE_URL: "" } });
    expect(values.databaseUrl).toBe(expected);
    expect(origins.databaseUrl).toEqual({ source: "variable", where: "DATABASE_URL_FILE" });
  });

  test("lose one line break at their file's end, and nothing else", () => {
    const path = join(folder({ secret: " a b \n\n" }), "secret");
    const env = { DATABASE_URL: url, MY_SERVICE_TOKEN: "", MY_SERVICE_TOKEN_FILE: path };
    expect(loadSecrets({ env }).values.token).toBe(" a b \n");
  });

  test("are asked for when they are not set, and never repeated when they are wrong", () => {
    const wanted =
      "a URL such as postgresql://user:password@localhost:5432/database; its sslmode, if any: verify-full, verify-ca, require, prefer, no-verify or disable";
    expect(complaints(() => loadSecrets({}))).toEqual([
      `databaseUrl (DATABASE_URL or DATABASE_URL_FILE): must be set, to ${wanted}`,
    ]);
    expect(complaints(() => loadSecrets({ env: { DATABASE_URL: "mysql://root:hunter2@localhost/db" } }))).toEqual([
      `databaseUrl = *** (DATABASE_URL): must be ${wanted}`,
    ]);
    const path = join(folder({ secret: "hunter2" }), "secret");
    expect(complaints(() => loadSecrets({ env: { DATABASE_URL_FILE: path } }))).toEqual([
      `databaseUrl = *** (DATABASE_URL_FILE): must be ${wanted}`,
    ]);
  });

  test("set twice, in files that cannot be read, or in empty ones are errors", () => {
    const directory = folder({ empty: "\n" });
    const both = { DATABASE_URL: url, DATABASE_URL_FILE: join(directory, "empty") };
    expect(complaints(() => loadSecrets({ env: both }))).toEqual([
      "databaseUrl (DATABASE_URL, DATABASE_URL_FILE): both are set; unset one",
    ]);
    const missing = join(directory, "missing");
    expect(complaints(() => loadSecrets({ env: { DATABASE_URL_FILE: missing } }))).toEqual([
      `databaseUrl (DATABASE_URL_FILE): "${missing}" cannot be read (ENOENT)`,
    ]);
    expect(complaints(() => loadSecrets({ env: { DATABASE_URL_FILE: directory } }))).toEqual([
      `databaseUrl (DATABASE_URL_FILE): "${directory}" cannot be read (EISDIR)`,
    ]);
    const empty = join(directory, "empty");
    expect(complaints(() => loadSecrets({ env: { DATABASE_URL_FILE: empty } }))).toEqual([
      `databaseUrl (DATABASE_URL_FILE): "${empty}" is empty`,
    ]);
  });

  test("are taken neither from flags nor from configuration files", () => {
    const files = { "development.json": '{"databaseUrl": "postgresql://u:hunter2@h/db"}' };
    const errors = complaints(() => loadSecrets({ env: { DATABASE_URL: url }, files, args: ["--token=hunter2"] }));
    expect(errors).toEqual([
      expect.stringMatching(
        /^databaseUrl \(.*development\.json:1:2\): a secret does not belong in this file; set DATABASE_URL or DATABASE_URL_FILE$/,
      ),
      "token (--token): a secret is no flag, since every user of the machine can read it; set MY_SERVICE_TOKEN or MY_SERVICE_TOKEN_FILE",
    ]);
  });

  test("a secret after a flag that should have it attached is not repeated", () => {
    const errors = complaints(() =>
      loadSecrets({ env: { DATABASE_URL: url }, args: ["--token", "hunter2", "--tokn", "hunter2"] }),
    );
    expect(errors.join()).not.toContain("hunter2");
    expect(errors).toHaveLength(2);
  });
});

describe("errors", () => {
  test("come all at once, each with option, place, value and what is allowed", () => {
    const directory = folder({
      "development.json": '{\n  "reflection": "maybe",\n  "prot": 1,\n  "port": 1, "port": 2\n}',
    });
    const path = join(directory, "development.json");
    const env = { PORT: "80abc", MY_SERVICE_DRAIN_DELY_MS: "1", MY_SERVICE_PORT: "80" };
    const args = ["--drain-delay-ms=-1", "--nmae=x", "--colour", "more", "stray", "--port", "--reflection=1"];
    args.push("--drain-timeout-ms=1", "--drain-timeout-ms=2");
    expect(complaints(() => inFolder(directory, { env, args }))).toEqual([
      `prot (${path}:3:3): no such option; did you mean port?`,
      `port (${path}:4:14): set before, in line 4`,
      "MY_SERVICE_DRAIN_DELY_MS: no such variable; did you mean MY_SERVICE_DRAIN_DELAY_MS?",
      "MY_SERVICE_PORT: no such variable; did you mean PORT?",
      "--nmae: no such flag; did you mean --name?",
      "--colour: no such flag",
      '"stray": not a flag; a flag looks like --key=value',
      "port (--port): has no value; write --port=value",
      "drainTimeoutMs (--drain-timeout-ms): given twice",
      'port = "80abc" (PORT): must be a port number, 0 (any free one) to 65535',
      'drainDelayMs = "-1" (--drain-delay-ms): must be a time, 0 to 2147483647 ms: 5000, 250ms, 5s, 2m, 1h',
      'reflection = "1" (--reflection): must be true or false',
    ]);
  });

  test("have a headline with the environment in the message", () => {
    expect(() => load({ env: { APP_ENV: "test", PORT: "x" } })).toThrow(
      /^the configuration cannot be used \(APP_ENV=test\):\n {2}port = "x" \(PORT\): must be .*$/,
    );
  });

  test("name an unknown environment, and what else is wrong", () => {
    expect(complaints(() => load({ env: { APP_ENV: "prodution", PORT: "x" } }))).toEqual([
      'APP_ENV = "prodution": must be one of development, test, staging, production; did you mean production?',
      expect.stringMatching(/^port = "x"/),
    ]);
    for (const environment of ["Production", "../secrets", "toString"]) {
      expect(complaints(() => load({ env: { APP_ENV: environment } }))).toHaveLength(1);
    }
  });

  test.each([
    ["{bad", ':1:2: expected a key in double quotes or "}", found bad'],
    ["[]", ':1:1: expected one object, such as {"port": 8080}, found ['],
  ])("tell where a file is no JSON: %s", (content, expected) => {
    const directory = folder({ "development.json": content });
    expect(complaints(() => inFolder(directory))).toEqual([`${join(directory, "development.json")}${expected}`]);
  });

  test("tell why a file cannot be read", () => {
    const directory = folder();
    mkdirSync(join(directory, "development.json"));
    expect(complaints(() => inFolder(directory))).toEqual([
      `${join(directory, "development.json")}: cannot be read (EISDIR)`,
    ]);
  });

  test.each<[string, unknown, string]>([
    ["corsOrigins", [1, 2], "[1,2]"],
    ["corsOrigins", 5, "5"],
    ["port", null, "null"],
    ["port", { a: { b: 1 } }, '{"a":{"b":1}}'],
    ["name", 1.1, "1.1"],
    ["name", {}, "{}"],
  ])("a file's %s that is %j is shown as it is", (key, value, shown) => {
    const [error, ...others] = complaints(() => load({ files: { "development.json": { [key]: value } } }));
    expect(error).toContain(`${key} = ${shown} (`);
    expect(others).toEqual([]);
  });

  test.each(["__proto__", "constructor", "toString", "port.a", "a b\u001b[2J"])("%j is no option", (key) => {
    const errors = complaints(() => load({ files: { "development.json": `{${JSON.stringify(key)}: 1}` } }));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain("no such option");
    expect(errors[0]).not.toContain("\u001b");
  });

  test("show no password of a URL, and no more than the beginning of a long value", () => {
    const long = "x".repeat(1_000);
    const env = { PORT: "https://ada:hunter2@b@example.com/", MY_SERVICE_DRAIN_DELAY_MS: long };
    const [first, second = ""] = complaints(() => load({ env }));
    expect(first).toMatch(/^port = "https:\/\/ada:\*\*\*@example\.com\/" \(PORT\)/);
    expect(second.length).toBeLessThan(400);
    expect(complaints(() => load({ args: ["postgresql://u:hunter2@h/db"] })).join()).not.toContain("hunter2");
  });

  test("a default that breaks its own format is found at once", () => {
    const wrong = { limit: count({ doc: "A limit.", default: -1 }) };
    const work = () => loadConfig({ service: "my-service", options: wrong, env: {}, directory: folder() });
    expect(complaints(work)).toEqual(["limit = -1 (default): must be a whole number, at least 1"]);
  });

  test("an option that is no secret can be required too", () => {
    const required = { limit: count({ doc: "A limit." }) };
    const work = () => loadConfig({ service: "my-service", options: required, env: {}, directory: folder() });
    expect(complaints(work)).toEqual(["limit (MY_SERVICE_LIMIT): must be set, to a whole number, at least 1"]);
  });
});

describe("rules", () => {
  test("that are broken name their options with values and origins", () => {
    expect(complaints(() => load({ args: ["--drain-delay-ms=1m"] }))).toEqual([
      "drainDelayMs = 60000 (--drain-delay-ms), drainTimeoutMs = 20000 (default): the delay must not exceed the timeout",
    ]);
  });

  test("are not asked about values that are wrong already", () => {
    const errors = complaints(() => load({ args: ["--drain-delay-ms=1m", "--drain-timeout-ms=x"] }));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^drainTimeoutMs = "x"/);
  });
});
