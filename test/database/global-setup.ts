import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { migrate } from "@grpc-service-template/prisma-migrations";
import type { TestProject } from "vitest/node";
import { createScratchDatabase, dropDatabase, runOn } from "../../scripts/postgres/scratch-database.ts";
import { startTestServer } from "./start-test-server.ts";
import type { TestServer } from "./test-server.ts";

/** What every test file can inject. */
export interface TestDatabases {
  readonly adminUrl: string;
  /** Starts the names of all databases of this run. */
  readonly prefix: string;
  /** The database to copy, by service: all of its migrations are applied. */
  readonly templates: Readonly<Record<string, string>>;
}

declare module "vitest" {
  export interface ProvidedContext {
    testDatabases: TestDatabases;
  }
}

/** Of Vitest, without a teardown. The signals are named since a library of testcontainers ends the process before its 'exit'. */
const SUDDEN_ENDS = ["SIGINT", "SIGTERM", "exit"] as const;

const SERVICES_DIR = join(import.meta.dirname, "../../internal/app");

interface Run {
  readonly server: TestServer;
  readonly databases: TestDatabases;
}

/**
 * Vitest calls a global setup once for each project that names it, and loads this module anew each time. They share one
 * server all the same, which the last one stops.
 */
const SHARED = Symbol.for("test/database/global-setup.ts");
const state = globalThis as { [SHARED]?: { projects: number; run: Promise<Run> } };

export async function setup(project: TestProject): Promise<void> {
  state[SHARED] ??= { projects: 0, run: start() };
  state[SHARED].projects += 1;
  const { databases } = await state[SHARED].run;
  project.provide("testDatabases", databases);
}

export async function teardown(): Promise<void> {
  const shared = state[SHARED];
  if (!shared) return;
  shared.projects -= 1;
  // A start that failed has been reported.
  const run = await shared.run.catch(() => undefined);
  if (shared.projects > 0 || !run) return;
  delete state[SHARED];
  for (const event of SUDDEN_ENDS) process.off(event, run.server.abandon);
  await dropAll(run.databases);
  await run.server.stop();
}

async function start(): Promise<Run> {
  const server = await startTestServer();
  for (const event of SUDDEN_ENDS) process.once(event, server.abandon);
  process.stderr.write(`test database: ${server.description}\n`);
  try {
    const prefix = `test_${randomBytes(4).toString("hex")}_`;
    return {
      server,
      databases: { adminUrl: server.adminUrl, prefix, templates: await createTemplates(server, prefix) },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function createTemplates({ adminUrl }: TestServer, prefix: string): Promise<Record<string, string>> {
  const templates: Record<string, string> = {};
  for (const service of await readdir(SERVICES_DIR)) {
    const migrationsDir = join(SERVICES_DIR, service, "prisma/migrations");
    if (!existsSync(migrationsDir)) continue;
    const { url, name } = await createScratchDatabase(adminUrl, { prefix });
    await migrate({ url, migrationsDir });
    // Nobody may stay connected to a database while it is copied.
    await runOn(adminUrl, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`);
    templates[service] = name;
  }
  return templates;
}

/** The templates, and what tests that ended before their time have left behind. */
async function dropAll({ adminUrl, prefix }: TestDatabases): Promise<void> {
  const { rows } = await runOn(adminUrl, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", [prefix]);
  for (const { datname } of rows) await dropDatabase(adminUrl, datname);
}
