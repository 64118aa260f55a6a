import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { MAIN, spawnService } from "./service-process.ts";

// Secrets and personal data go in wherever something can go in; nothing that the process writes may have them.

const PASSWORD = "canary-password-7f3a";
const CANARY = /canary/i;
const emailOf = (name: string) => `canary.${name}+tag@example.com`;
const TOKEN = "Bearer canary-token-0123456789";
const JWT = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"sub":"canary"}').toString("base64url")}.Y2FuYXJ5`;
const HEADERS = {
  authorization: TOKEN,
  cookie: "session=canary-cookie",
  "x-api-key": "canary-api-key",
  "user-agent": "canary-agent/1 (canary@example.com)",
  referer: "https://canary:canary@example.com/?token=canary",
};

let database: TestDatabase;
let role: string;

beforeEach(async () => {
  database = await createTestDatabase("user-service");
  role = `role_${randomUUID().slice(0, 8)}`;
  await runOn(database.url, `CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
  await runOn(database.url, `GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
});

afterEach(async () => {
  await runOn(database.url, `DROP OWNED BY ${role}`);
  await runOn(database.url, `DROP ROLE ${role}`);
  await database.drop();
});

/** A way to the database that can be cut. */
async function openWay(): Promise<{ readonly port: number; cut(): void }> {
  const { hostname, port } = new URL(database.url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
      from.pipe(to);
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(cut);
  return { port: (server.address() as AddressInfo).port, cut };
}

/** The database's URL for the role with the canary's password. */
function urlOver(port: number, password = PASSWORD): string {
  const url = new URL(database.url);
  Object.assign(url, { username: role, password, hostname: "127.0.0.1", port: String(port) });
  return url.href;
}

/** The service, and everything that it writes. */
function startService(env: NodeJS.ProcessEnv) {
  // On a busy machine a new connection may need longer than 1.5 s; that is not what is tried here.
  const patience = { USER_SERVICE_DATABASE_CONNECT_TIMEOUT_MS: "10s" };
  const child = spawnService([MAIN, "serve"], { LOG_LEVEL: "debug", ...patience, ...env });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      output += chunk;
    });
  const closed = once(child, "close");
  return {
    output: () => output,
    closed,
    async wrote(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const found = pattern.exec(output);
        if (found) return found;
        if (child.exitCode !== null) throw new Error(output);
        await once(child.stdout, "data");
      }
    },
    async stop(): Promise<void> {
      child.kill("SIGTERM");
      await closed;
    },
  };
}

const METHODS = ["CreateUser", "GetUser", "ListUsers", "UpdateUser", "DeleteUser"];
const REQUEST_IDS = ["canary@example.com", JWT, TOKEN, "canary\tid", "canary;drop", "token=canary"];

/** A value of each kind in each field; what a method does not know, it refuses. */
function requestsOf(id: string, email: string): object[] {
  const user = { id, email, displayName: `${emailOf("name")} ${TOKEN}`, etag: `token=canary` };
  return [
    { user },
    { user: { ...user, etag: "" }, updateMask: "email,displayName" },
    { user: { ...user, email: `${email}@canary` } },
    { user, updateMask: emailOf("mask") },
    { id, etag: JWT },
    { id: email },
    { id },
    { pageSize: 1, pageToken: JWT },
    { pageSize: -1, pageToken: TOKEN },
    { password: "canary", apiKey: "canary" },
  ];
}

async function callEverything(baseUrl: string, ids: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  let count = 0;
  const post = async (method: string, body: string, headers: Record<string, string> = {}) => {
    const requestId = REQUEST_IDS[count % REQUEST_IDS.length] ?? "";
    count += 1;
    const response = await fetch(`${baseUrl}/user.v1.UserService/${method}?email=${emailOf("query")}`, {
      method: "POST",
      headers: { ...HEADERS, "content-type": "application/json", "x-request-id": requestId, ...headers },
      body,
    });
    await response.text();
    statuses.push(response.status);
  };
  for (const method of METHODS) {
    for (const id of ids) {
      for (const request of requestsOf(id, emailOf("known"))) await post(method, JSON.stringify(request));
    }
    await post(method, `{"user":"${emailOf("broken")}`);
    await post(method, TOKEN, { "content-type": "application/canary" });
    await post(method, "{}", { "connect-timeout-ms": "canary" });
    await post(method, "{}", { "connect-protocol-version": "canary" });
    await post(method, emailOf("gzip"), { "content-encoding": "gzip" });
  }
  await post("CanaryMethod", "{}");
  const rest = async (method: string, path: string, headers: Record<string, string> = {}, body?: string) => {
    const init = { method, headers: { ...HEADERS, "content-type": "application/json", ...headers } };
    const response = await fetch(`${baseUrl}${path}`, body === undefined ? init : { ...init, body });
    await response.text();
    statuses.push(response.status);
  };
  const value = encodeURIComponent(emailOf("rest"));
  for (const id of [...ids, value, "%canary"]) {
    await rest("GET", `/v1/users/${id}?email=${value}`);
    await rest("GET", `/v1/users/${id}`, { "if-match": "canary", "if-none-match": '"canary"' });
    await rest(
      "PATCH",
      `/v1/users/${id}`,
      { "if-match": '"canary"' },
      `{"email":"${emailOf("rest")}","etag":"canary"}`,
    );
    await rest("PATCH", `/v1/users/${id}?update_mask=canary`, { "content-encoding": "canary" }, TOKEN);
    await rest("DELETE", `/v1/users/${id}?etag=${value}`, { "x-server-timeout": "canary" });
  }
  await rest("GET", `/v1/users?page_size=canary&page_token=${JWT}`, { accept: "canary/canary" });
  await rest("POST", "/v1/users", {}, `{"email":"${emailOf("rest")}","createTime":"canary"}`);
  await rest("POST", "/v1/canary", {}, TOKEN);
  return statuses;
}

async function createUser(baseUrl: string): Promise<string> {
  const response = await fetch(`${baseUrl}/user.v1.UserService/CreateUser`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user: { email: emailOf("first"), displayName: "Canary" } }),
  });
  return ((await response.json()) as { user: { id: string } }).user.id;
}

it.each(["json", "pretty"])("writes no secret and no personal data, whatever comes in, in %s lines", async (format) => {
  const way = await openWay();
  const service = startService({ DATABASE_URL: urlOver(way.port), USER_SERVICE_LOG_FORMAT: format });
  const [, port] = await service
    .wrote(/listening[",].*?port"?[:=](\d+)|listening port=(\d+)/)
    .then((found) => found.filter((group) => group !== undefined));
  await service.wrote(/ serving|"serving"/);
  const baseUrl = `http://127.0.0.1:${port}`;

  const ids = [await createUser(baseUrl), randomUUID()];
  const up = await callEverything(baseUrl, ids);
  expect(new Set(up)).toEqual(new Set([200, 400, 404, 406, 409, 412, 415]));
  // A new user for the addresses to be taken again: what had them may be deleted by now.
  await createUser(baseUrl);
  way.cut();
  await service.wrote(/not serving/);
  const down = await callEverything(baseUrl, ids);
  expect(down).toContain(503);
  await service.stop();

  // Something was logged of each kind, so that the canaries had their chance.
  for (const code of ["OK", "InvalidArgument", "AlreadyExists", "NotFound", "Unavailable"]) {
    expect(service.output()).toContain(code);
  }
  expect(
    service
      .output()
      .split("\n")
      .filter((line) => CANARY.test(line)),
  ).toEqual([]);
});

it("writes no password when the database refuses it, nor one of a URL that is none", async () => {
  const { port } = await openWay();
  const wrong = startService({
    DATABASE_URL: urlOver(port, `${PASSWORD}-wrong`),
    USER_SERVICE_HEALTH_INTERVAL_MS: "50",
  });
  await Promise.race([wrong.closed, wrong.wrote(/not serving/)]);
  await wrong.stop();
  expect(wrong.output()).not.toBe("");
  expect(wrong.output()).not.toMatch(CANARY);

  const unreadable = startService({ DATABASE_URL: `postgresql://u:${PASSWORD}/#@localhost:x/db` });
  await unreadable.closed;
  expect(unreadable.output()).toMatch(/DATABASE_URL/);
  expect(unreadable.output()).not.toMatch(CANARY);
});
