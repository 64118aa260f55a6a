import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { formatConfig, formatConfigAsJson } from "./format-config.ts";
import { formatReference } from "./format-reference.ts";
import { ConfigError, loadConfig, type Schema } from "./load-config.ts";
import { milliseconds, oneOf, port, postgresUrl, secret, url } from "./options.ts";

const options = {
  port: port({ doc: "A port.", default: 8080 }),
  delayMs: milliseconds({ doc: "A delay.", default: 10 }),
  format: oneOf(["a", "b|c"], { doc: "A format.", default: "a" }),
  proxy: url({ doc: "A proxy.", default: "http://u:hunter2@proxy.example/" }),
  databaseUrl: postgresUrl({ doc: "A database." }),
  token: secret({ doc: "A token." }),
};

function schema(file: string): Schema<typeof options> {
  const directory = mkdtempSync(join(tmpdir(), "config-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "test.json"), file);
  return {
    service: "a-service",
    options,
    rules: [{ keys: ["port", "delayMs"], rule: "the port must exceed the delay", holds: () => true }],
    plainVariables: ["port"],
    directory,
  };
}

const env = {
  APP_ENV: "test",
  A_SERVICE_DATABASE_URL: "postgresql://ada:hunter2@db.example:5432/users?sslmode=require&password=hunter2",
  A_SERVICE_TOKEN: "hunter2",
};

test("the values in force are a table with their units and origins, secrets and passwords masked", () => {
  const described = schema('{"delayMs": "5s"}');
  const loaded = loadConfig({ ...described, env, args: ["--port=9000"] });
  expect(formatConfig(loaded, options).split("\n")).toEqual([
    "APP_ENV=test",
    "",
    "option       value                                     from",
    "port         9000                                      --port",
    `delayMs      5000 ms                                   ${join(described.directory, "test.json")}:1:2`,
    'format       "a"                                       default',
    'proxy        "http://u:***@proxy.example/"             default',
    'databaseUrl  "postgresql://***@db.example:5432/users"  A_SERVICE_DATABASE_URL',
    'token        "***"                                     A_SERVICE_TOKEN',
    "",
  ]);
});

test("the values in force are JSON for machines, secrets and passwords masked", () => {
  const json = formatConfigAsJson(loadConfig({ ...schema("{}"), env }), options);
  expect(json).not.toContain("hunter2");
  expect(JSON.parse(json)).toMatchObject({
    environment: "test",
    options: {
      port: { value: 8080, from: "default" },
      proxy: { value: "http://u:***@proxy.example/", from: "default" },
      databaseUrl: { value: "postgresql://***@db.example:5432/users", from: "A_SERVICE_DATABASE_URL" },
      token: { value: "***", from: "A_SERVICE_TOKEN" },
    },
  });
});

test.each([
  ["postgresql://db.example/users", "postgresql://***@db.example/users"],
  ["postgresql://u:1/hunter2@db.example/users", "***"],
  ["postgresql://u:1#hunter2@db.example/users", "***"],
  ["postgresql://u:1?hunter2@db.example/users", "***"],
  ["postgresql://u:a@1/hunter2@db.example/users", "***"],
  ["postgresql://db.example/users?password=hunter2", "postgresql://***@db.example/users"],
])("no part of a password is taken for a host or a path: %s", (databaseUrl, shown) => {
  const loaded = loadConfig({ ...schema("{}"), env: { ...env, A_SERVICE_DATABASE_URL: databaseUrl } });
  expect(JSON.parse(formatConfigAsJson(loaded, options)).options.databaseUrl.value).toBe(shown);
});

test("the reference has names, what is allowed, defaults, what environments set, and the rules", () => {
  expect(formatReference(schema('{"port": 1}')).split("\n")).toEqual([
    "| option | variable | flag | allowed | default | in an environment | what it does |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    "| `port` | `PORT` | `--port` | a port number, 0 (any free one) to 65535 | `8080` | test: `1` | A port. |",
    "| `delayMs` | `A_SERVICE_DELAY_MS` | `--delay-ms` | a time, 0 to 2147483647 ms: 5000, 250ms, 5s, 2m, 1h | `10` ms |  | A delay. |",
    '| `format` | `A_SERVICE_FORMAT` | `--format` | one of a, b\\|c | `"a"` |  | A format. |',
    '| `proxy` | `A_SERVICE_PROXY` | `--proxy` | a URL such as https://example.com/path | `"http://u:***@proxy.example/"` |  | A proxy. |',
    "| `databaseUrl` | `A_SERVICE_DATABASE_URL` or `A_SERVICE_DATABASE_URL_FILE` | none: a secret | a URL such as postgresql://user:password@localhost:5432/database; its sslmode, if any: verify-full, verify-ca, require, prefer, no-verify or disable | none: must be set |  | A database. |",
    "| `token` | `A_SERVICE_TOKEN` or `A_SERVICE_TOKEN_FILE` | none: a secret | a secret | none: must be set |  | A token. |",
    "",
    "- `port`, `delayMs`: the port must exceed the delay.",
    "",
  ]);
});

test("a file that sets what is no option has no reference", () => {
  expect(() => formatReference(schema('{"prot": 1}'))).toThrow(ConfigError);
});
