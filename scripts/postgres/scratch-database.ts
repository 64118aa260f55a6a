import { randomUUID } from "node:crypto";
import pg from "pg";

export interface ScratchDatabase {
  readonly url: string;
  readonly name: string;
  /** Ends all of its connections and removes it. */
  drop(): Promise<void>;
}

export interface ScratchDatabaseOptions {
  /** Starts the name; the rest of it is random. */
  readonly prefix: string;
  /** The database to copy. The default is an empty one. */
  readonly template?: string | undefined;
}

/** Creates a database beside the one at `adminUrl`, whose role must be allowed to (CREATEDB). Nothing else is touched. */
export async function createScratchDatabase(
  adminUrl: string,
  { prefix, template = "template0" }: ScratchDatabaseOptions,
): Promise<ScratchDatabase> {
  const name = `${prefix}${randomUUID().slice(0, 8)}`;
  await runOn(adminUrl, `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${pg.escapeIdentifier(template)}`);
  return { url: withDatabase(adminUrl, name), name, drop: () => dropDatabase(adminUrl, name) };
}

export function dropDatabase(adminUrl: string, name: string): Promise<void> {
  return runOn(adminUrl, `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`).then(() => {});
}

/** Runs one statement on a connection of its own. */
export async function runOn(url: string, sql: string, values: readonly unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    return await client.query(sql, [...values]);
  } finally {
    await client.end().catch(() => {});
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(name)}`;
  return changed.href;
}
