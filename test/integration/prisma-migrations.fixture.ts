import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";

export const USERS = "CREATE TABLE users (id int PRIMARY KEY);\nCREATE INDEX users_id ON users (id);\n";
export const EMAILS = "ALTER TABLE users ADD COLUMN email text;\n";

/** Writes a migration into a folder, in place of one of that name. */
export async function putMigration(directory: string, name: string, sql: string): Promise<void> {
  await mkdir(join(directory, name), { recursive: true });
  await writeFile(join(directory, name, "migration.sql"), sql);
}

/** A connection that stays open until it goes out of scope, or the server ends it. */
export async function connectTo(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url);
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
