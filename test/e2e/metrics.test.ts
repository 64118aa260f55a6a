import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { type ServiceProcess, startService } from "./service-process.ts";

let database: TestDatabase;
let service: ServiceProcess;
let metrics: string;

beforeAll(async () => {
  database = await createTestDatabase("user-service");
  service = await startService({ DATABASE_URL: database.url, USER_SERVICE_VERSION: "1.2.3" });
  const users = createClient(UserService, createGrpcTransport({ baseUrl: service.baseUrl }));
  await users.listUsers({});
  await users.getUser({ id: crypto.randomUUID() }).catch(() => {});
  // A call is counted when it is over, maybe after its client has the answer.
  await vi.waitFor(
    async () => {
      metrics = await (await fetch(`http://127.0.0.1:${service.adminPort}/metrics`)).text();
      expect(metrics).toContain('grpc_method="GetUser",grpc_code="NotFound"} 1\n');
    },
    { timeout: 10_000 },
  );
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

it("has rate, errors and duration of each RPC, what runs, and how Node fares", () => {
  const call = 'grpc_type="unary",grpc_service="user.v1.UserService"';
  expect(metrics).toContain(`grpc_server_handled_total{${call},grpc_method="ListUsers",grpc_code="OK"} 1\n`);
  expect(metrics).toContain(`grpc_server_handled_total{${call},grpc_method="GetUser",grpc_code="NotFound"} 1\n`);
  expect(metrics).toContain(`grpc_server_handling_seconds_count{${call},grpc_method="ListUsers"} 1\n`);
  expect(metrics).toContain('service_build_info{service="user-service",version="1.2.3",');
  expect(metrics).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
});

it("has every metric of docs/metrics.md, and none besides", () => {
  const documented = readFileSync("docs/metrics.md", "utf8").matchAll(/^\| `(\w+)`/gm);
  const exposed = metrics.matchAll(/^# TYPE (\w+)/gm);
  expect(Array.from(exposed, ([, name]) => name).toSorted()).toEqual(
    Array.from(documented, ([, name]) => name).toSorted(),
  );
});

const promtool = spawnSync("promtool", ["--version"]).error === undefined;
it.skipIf(!promtool && !process.env.CI)("is valid to promtool check metrics", () => {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: metrics, encoding: "utf8" });
  expect(`${stdout}${stderr}`).toBe("");
  expect(status).toBe(0);
});
