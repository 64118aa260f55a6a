import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyAssets } from "../../build/package/assets.ts";
import { root } from "../../build/package/service-bundle.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "assets-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) =>
    entry.isDirectory() ? [] : join(entry.parentPath, entry.name).slice(path.length + 1),
  );
}

test("a bundle ships an environment's configuration and the migrations, and nothing that lies beside them", async () => {
  const shipped = [
    "configs/notes/development.json",
    "configs/notes/production.json",
    "configs/notes/staging.json",
    "configs/notes/test.json",
    "internal/app/notes/prisma/migrations/20260101_a-note/migration.sql",
    "internal/app/notes/prisma/migrations/migration_lock.toml",
  ];
  const left = [
    "configs/notes/.env",
    "configs/notes/.env.production",
    "configs/notes/.npmrc",
    "configs/notes/local.json",
    "configs/notes/production.json.orig",
    "configs/notes/old/production.json",
    "configs/other/production.json",
    "internal/app/notes/prisma/migrations/.env",
    "internal/app/notes/prisma/migrations/dump.sql",
    "internal/app/notes/prisma/migrations/20260101_a-note/.env",
    "internal/app/notes/prisma/migrations/20260101_a-note/dump.sql",
    "internal/app/notes/prisma/migrations/20260101_a-note/old/migration.sql",
  ];
  for (const file of [...shipped, ...left]) {
    await mkdir(dirname(join(folder, "from", file)), { recursive: true });
    await writeFile(join(folder, "from", file), file);
  }
  await copyAssets("notes", join(folder, "from"), join(folder, "to"));
  expect((await filesBelow(join(folder, "to"))).sort()).toEqual(shipped.sort());
});

test("a service without configuration files still gets the folder that it looks for", async () => {
  await mkdir(join(folder, "from/configs/notes"), { recursive: true });
  await mkdir(join(folder, "from/internal/app/notes/prisma/migrations"), { recursive: true });
  await copyAssets("notes", join(folder, "from"), join(folder, "to"));
  expect(await readdir(join(folder, "to/configs"))).toEqual(["notes"]);
});

test("a service without a database has no migrations to ship", async () => {
  await mkdir(join(folder, "from/configs/notes"), { recursive: true });
  await copyAssets("notes", join(folder, "from"), join(folder, "to"));
  expect(await readdir(join(folder, "to"))).toEqual(["configs"]);
});

test("every migration of the user service is shipped", async () => {
  await copyAssets("user-service", root, folder);
  const migrations = "internal/app/user-service/prisma/migrations";
  expect(await readdir(join(folder, migrations))).toEqual(await readdir(join(root, migrations)));
});

test("what is shipped can be read by everybody, whatever the checkout's permissions are", async () => {
  const path = "configs/notes/production.json";
  await mkdir(join(folder, "from/configs/notes"), { recursive: true });
  await mkdir(join(folder, "from/internal/app/notes/prisma/migrations"), { recursive: true });
  await writeFile(join(folder, "from", path), "{}");
  await chmod(join(folder, "from", path), 0o660);
  await copyAssets("notes", join(folder, "from"), join(folder, "to"));
  expect((await stat(join(folder, "to", path))).mode & 0o777).toBe(0o644);
});
