import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Health } from "@grpc-service-template/grpc-health";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { type Client, clients, type Outcome } from "./clients.ts";
import { type ServiceProcess, startService } from "./service-process.ts";

let database: TestDatabase;
let service: ServiceProcess | undefined;

beforeEach(async () => {
  database = await createTestDatabase("user-service");
});

afterEach(async () => {
  await service?.stop("SIGKILL");
  await database.drop();
});

const SERVING = 1;
const NOT_SERVING = 2;

const inProcess = clients.filter(({ tool }) => tool === undefined);

it("answers every call it accepted when it is stopped under load, and exits with 0", async () => {
  service = await startService({ DATABASE_URL: database.url, USER_SERVICE_DRAIN_DELAY_MS: "300" });
  const { port, log } = service;
  let stopped = false;

  const loads = inProcess.flatMap((client) => [0, 1, 2].map((worker) => load(client, worker, port, () => stopped)));
  while (created(log) < 100) await new Promise((resolve) => setTimeout(resolve, 10));
  const exitCode = await service.stop("SIGTERM");
  stopped = true;
  const answered = (await Promise.all(loads)).flat();

  expect(exitCode).toBe(0);
  const succeeded = answered.filter((outcome) => "body" in outcome);
  const failed = answered.filter((outcome) => "code" in outcome);
  // What the service executed, its clients know of: none was left without its answer.
  expect(succeeded.length).toBe(created(log));
  // What it did not accept any more was refused before it was executed, which a client may retry.
  const refused = /ECONNREFUSED|ECONNRESET|socket hang up|other side closed|REFUSED_STREAM|EPIPE/;
  expect(failed.filter(({ message }) => !refused.test(message))).toEqual([]);
  expect(log.at(-1)).toMatchObject({ message: "stopped", abortedCalls: 0 });

  service = await startService({ DATABASE_URL: database.url });
  expect(await countUsers(service.port)).toBe(succeeded.length);
});

it("says NOT_SERVING, goes on serving for the drain delay, then ends its streams and exits", async () => {
  service = await startService({ DATABASE_URL: database.url, USER_SERVICE_DRAIN_DELAY_MS: "2000" });
  const { port, adminPort, baseUrl } = service;
  const health = createClient(Health, createGrpcTransport({ baseUrl }));
  const watch = health.watch({})[Symbol.asyncIterator]();
  expect(await watch.next()).toMatchObject({ value: { status: SERVING } });

  const signalled = performance.now();
  const exited = service.stop("SIGTERM");
  expect(await watch.next()).toMatchObject({ value: { status: NOT_SERVING } });
  expect((await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status).toBe(503);
  const connection = openFirst(port);
  expect(await connection.call("ListUsers", {})).toHaveProperty("body");
  connection.close();

  await expect(watch.next()).rejects.toMatchObject({ code: Code.Unavailable });
  expect(performance.now() - signalled).toBeGreaterThanOrEqual(1_990);
  expect(await exited).toBe(0);
  // Long before the drain's time is up: nothing waited for the stream.
  expect(performance.now() - signalled).toBeLessThan(10_000);
});

it("keeps its data when it is killed", async () => {
  service = await startService({ DATABASE_URL: database.url });
  const connection = openFirst(service.port);
  expect(await connection.call("CreateUser", { user: { email: "a@example.com", displayName: "A" } })).toHaveProperty(
    "body",
  );
  connection.close();
  expect(await service.stop("SIGKILL")).toBe("SIGKILL");

  service = await startService({ DATABASE_URL: database.url });
  expect(await countUsers(service.port)).toBe(1);
});

/** Creates users one after the other until the service is gone; resolves to what came of each. */
async function load(client: Client, worker: number, port: number, isOver: () => boolean): Promise<Outcome[]> {
  const connection = client.open(port);
  const outcomes: Outcome[] = [];
  for (let i = 0; !isOver(); i += 1) {
    const email = `${client.name.replaceAll(/[^a-z0-9]/gi, ".")}.${worker}.${i}@example.com`;
    const outcome = await connection.call("CreateUser", { user: { email, displayName: "Load" } });
    outcomes.push(outcome);
    if ("code" in outcome) break;
  }
  connection.close();
  return outcomes;
}

function created(log: ServiceProcess["log"]): number {
  return log.filter(
    ({ message, rpc, code }) => message === "call" && String(rpc).endsWith("/CreateUser") && code === "OK",
  ).length;
}

async function countUsers(port: number): Promise<number> {
  const connection = openFirst(port);
  let count = 0;
  let pageToken = "";
  do {
    const outcome = await connection.call("ListUsers", { pageSize: 1000, pageToken });
    if (!("body" in outcome)) throw new Error(outcome.message);
    const { users = [], nextPageToken = "" } = outcome.body as { users?: unknown[]; nextPageToken?: string };
    count += users.length;
    pageToken = nextPageToken;
  } while (pageToken !== "");
  connection.close();
  return count;
}

function openFirst(port: number) {
  const [client] = inProcess;
  if (!client) throw new Error("there are clients that need no tool");
  return client.open(port);
}
