import { execFile } from "node:child_process";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export const ROOT = join(import.meta.dirname, "../..");
export const MIGRATIONS = "internal/app/user-service/prisma/migrations";

/** What the second release brings: a column that the first does not know, as a release does that must suit the one before. */
export const ADDED_MIGRATION = {
  name: "29991231235959_add_note",
  sql: 'ALTER TABLE "users" ADD COLUMN "note" TEXT;\n',
};

const run = promisify(execFile);

/** Bundles the user service into two folders, the second with one more migration. Resolves to their programs. */
export async function bundleReleases(folder: string): Promise<readonly [string, string]> {
  const [first, second] = [join(folder, "v1"), join(folder, "v2")] as const;
  await run(process.execPath, ["build/package/bundle.ts", "user-service", first], { cwd: ROOT });
  await cp(first, second, { recursive: true });
  const migration = join(second, MIGRATIONS, ADDED_MIGRATION.name);
  await mkdir(migration);
  await writeFile(join(migration, "migration.sql"), ADDED_MIGRATION.sql);
  return [join(first, "main.mjs"), join(second, "main.mjs")];
}

/** The program of load/grpc-go, as `make tools` builds it. */
export const GRPC_GO_LOAD = "grpc-go-load";

/** Writes what grpc-go-load must know of the API: a FileDescriptorSet. */
export async function writeDescriptors(file: string): Promise<void> {
  await run("buf", ["build", "--path", "api/proto/user", "--output", file], { cwd: ROOT });
}
