import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { type NextMigration, writeMigration } from "./migration/write-migration.ts";
import { startEmbeddedPostgres } from "./postgres/embedded-postgres.ts";

/**
 * Writes the migration that takes a service's database to its changed schema.prisma, and generates the client anew. What
 * `prisma migrate dev` does, without an engine to download, without questions, and away from any database in use: it works in
 * a scratch database, on the server of DATABASE_URL or else on an embedded PostgreSQL that lives as long as this command.
 */
const usage = "usage: make migration NAME=add_phone [SERVICE=user-service] [FORCE=1]";
/** The exit code of sysexits.h for a command used wrongly. */
const exitUsage = 64;
/** … and for data that are not fit to go on with. */
const exitData = 65;

async function main(): Promise<number> {
  const {
    service = "",
    name = "",
    force = false,
  } = parseArgs({
    options: { service: { type: "string" }, name: { type: "string" }, force: { type: "boolean" } },
  }).values;
  const prismaDir = path.join("internal/app", service, "prisma");
  const complaint = complainAbout(name, prismaDir);
  if (complaint) {
    console.error(`${complaint}\n${usage}`);
    return exitUsage;
  }
  // First, since it finds the faults of a schema within a second.
  const generated = generateClient(prismaDir);
  if (generated !== 0) return generated;

  const migration = await onServer((url) => writeMigration({ prismaDir, name, url, acceptsRisks: force }));
  if (!migration) {
    console.log(`Nothing to do: the migrations lead to ${prismaDir}/schema.prisma as it is.`);
    return 0;
  }
  return report(migration, `make migration NAME=${name} SERVICE=${service} FORCE=1`);
}

function complainAbout(name: string, prismaDir: string): string | undefined {
  if (name === "") return "NAME is missing: what does the migration do?";
  if (!/^[a-z0-9_]+$/.test(name)) return `NAME must consist of a-z, 0-9 and _; it is "${name}"`;
  if (!existsSync(path.join(prismaDir, "schema.prisma"))) return `there is no ${path.join(prismaDir, "schema.prisma")}`;
  return undefined;
}

function generateClient(prismaDir: string): number {
  const args = ["generate", "--no-hints", "--config", path.join(prismaDir, "prisma.config.ts")];
  const { status, stderr, error } = spawnSync("prisma", args, {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (status !== 0) console.error(error ? `prisma: ${error.message}` : stderr.trim());
  return status ?? 1;
}

async function onServer<T>(use: (url: string) => Promise<T>): Promise<T> {
  const url = process.env.DATABASE_URL;
  if (url) return use(url);
  const dataDir = await mkdtemp(path.join(tmpdir(), "migration-"));
  try {
    const server = await startEmbeddedPostgres({ dataDir, durable: false });
    try {
      return await use(server.url);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

function report({ path: file, sql, warnings }: NextMigration, forced: string): number {
  console.log(`${sql.trim()}\n`);
  for (const warning of warnings) console.warn(`Warning: ${warning}`);
  if (file) {
    console.log(`Written to ${file}: review it. A running \`make dev\` has applied it.`);
    return 0;
  }
  console.error("Not written. Change the schema; or stop `make dev`, which applies at once what is written, and edit");
  console.error(`what this writes: ${forced}`);
  return exitData;
}

process.chdir(path.dirname(import.meta.dirname));
try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
