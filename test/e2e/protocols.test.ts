import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { type Caller, type Client, clients, isInstalled, type Outcome } from "./clients.ts";
import { type ServiceProcess, startService } from "./service-process.ts";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const tools = [...new Set(clients.flatMap(({ tool }) => tool ?? []))];
const installed = new Map(await Promise.all(tools.map(async (tool) => [tool, await isInstalled(tool)] as const)));
const isMissing = ({ tool }: Client) => tool !== undefined && !installed.get(tool);
const missing = tools.filter((tool) => !installed.get(tool));
// A developer may do without; a build server may not, or nobody would notice.
if (missing.length > 0 && !process.env.CI) process.stderr.write(`skipped, as not installed: ${missing.join(", ")}\n`);

let database: TestDatabase;
let service: ServiceProcess;

beforeAll(async () => {
  database = await createTestDatabase("user-service");
  service = await startService({ DATABASE_URL: database.url });
});

afterAll(async () => {
  await service?.stop();
  await database?.drop();
});

/** For a log that comes over a pipe. */
const PATIENT = { timeout: 10_000 };

describe.each(clients)("$name", (client) => {
  const email = `${client.name.replaceAll(/[^a-z0-9]/gi, ".")}@example.com`;

  it.skipIf(isMissing(client) && !process.env.CI)("creates, reads, lists, updates and deletes a user", async () => {
    const caller = client.open(service.port);
    const linesBefore = service.log.length;
    const countsBefore = await readCounts();
    try {
      await useEveryMethod(caller, email);
    } finally {
      caller.close();
    }
    // They are written when the call is over, maybe after its client has the answer.
    const lines = await vi.waitFor(() => {
      const written = service.log.slice(linesBefore).filter(({ rpc }) => String(rpc).startsWith("user.v1."));
      expect(written.length).toBeGreaterThanOrEqual(ACCESS_LINES.length);
      return written;
    }, PATIENT);
    expect(lines.map(({ rpc, code, level }) => `${rpc} ${code} ${level}`)).toEqual(ACCESS_LINES);
    for (const line of lines) expect(Object.keys(line).filter((key) => key !== "error")).toEqual(LINE_KEYS);
    expect(countsSince(countsBefore, await readCounts())).toEqual(COUNTS);
  });
});

/** What the table below leaves in the log and in the metrics, whatever the client. */
const ACCESS_LINES = [
  "CreateUser OK info",
  "CreateUser AlreadyExists info",
  "CreateUser InvalidArgument info",
  "CreateUser InvalidArgument info",
  "GetUser InvalidArgument info",
  "GetUser NotFound info",
  "ListUsers InvalidArgument info",
  "ListUsers InvalidArgument info",
  "UpdateUser Aborted warn",
  "UpdateUser InvalidArgument info",
  "DeleteUser Aborted warn",
  "GetUser OK info",
  "ListUsers OK info",
  "UpdateUser OK info",
  "DeleteUser OK info",
  "GetUser NotFound info",
].map((line) => `user.v1.UserService/${line}`);

const LINE_KEYS = [
  ...["timestamp", "level", "message", "service", "version", "requestId", "rpc", "protocol", "httpVersion", "peer"],
  ...["code", "durationMs"],
];

const COUNTS = Object.fromEntries(
  Map.groupBy(ACCESS_LINES, (line) => line.replace(/^.*\/(\w+) (\w+) .*$/, "$1 $2"))
    .entries()
    .map(([name, lines]) => [name, lines.length]),
);

/** How many calls have ended, by method and code. */
async function readCounts(): Promise<Map<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${service.adminPort}/metrics`)).text();
  const call =
    /^grpc_server_handled_total\{.*grpc_service="user\.v1.*",grpc_method="(\w+)",grpc_code="(\w+)"\} (\d+)$/gm;
  return new Map(text.matchAll(call).map(([, method, code, count]) => [`${method} ${code}`, Number(count)]));
}

function countsSince(before: Map<string, number>, after: Map<string, number>): Record<string, number> {
  const grown = [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}

/** The one table of calls, each with what every client must see. */
async function useEveryMethod(caller: Caller, email: string): Promise<void> {
  const created = userOf(await caller.call("CreateUser", { user: { email, displayName: "Ada Löwe" } }));
  expect(created).toMatchObject({ email, displayName: "Ada Löwe", id: expect.stringMatching(UUID_V7) });
  expect(created.createTime).toBe(created.updateTime);
  const { id = null, etag = null } = created;

  const failures: [method: string, request: JsonObject, code: string, message: RegExp][] = [
    ["CreateUser", { user: { email: email.toUpperCase(), displayName: "Eve" } }, "already_exists", /email/],
    ["CreateUser", { user: { email: "no address", displayName: "Eve" } }, "invalid_argument", /user\.email/],
    ["CreateUser", {}, "invalid_argument", /user/],
    ["GetUser", { id: "7" }, "invalid_argument", /id/],
    ["GetUser", { id: "01890a5d-ac96-774b-bcce-b302099a8057" }, "not_found", /01890a5d/],
    ["ListUsers", { pageSize: -1 }, "invalid_argument", /page_size/],
    ["ListUsers", { pageToken: "AAAA" }, "invalid_argument", /page_token/],
    ["UpdateUser", { user: { id, displayName: "Eve", etag: "b3RoZXI" } }, "aborted", /etag/],
    ["UpdateUser", { user: { id, displayName: "Eve" }, updateMask: "createTime" }, "invalid_argument", /create_time/],
    ["DeleteUser", { id, etag: "b3RoZXI" }, "aborted", /etag/],
  ];
  for (const [method, request, code, message] of failures) {
    expect(await caller.call(method, request), method).toMatchObject({ code, message: expect.stringMatching(message) });
  }

  expect(userOf(await caller.call("GetUser", { id }))).toEqual(created);
  expect(await caller.call("ListUsers", { pageSize: 1000 })).toMatchObject({
    body: { users: expect.arrayContaining([created]) },
  });

  const request = { user: { id, displayName: "Ada", etag }, updateMask: "displayName" };
  const updated = userOf(await caller.call("UpdateUser", request));
  expect(updated).toMatchObject({ id, email, displayName: "Ada", createTime: created.createTime });
  expect(updated.etag).not.toBe(etag);

  expect(await caller.call("DeleteUser", { id })).toEqual({ body: {} });
  expect(await caller.call("GetUser", { id })).toMatchObject({ code: "not_found" });
}

function userOf(outcome: Outcome): JsonObject {
  expect(outcome).toHaveProperty("body.user");
  return ("body" in outcome ? outcome.body.user : {}) as JsonObject;
}
