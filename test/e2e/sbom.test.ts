import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: unknown;
}

let folder: string;
const read = (run: string, file: string) => readFile(join(folder, run, file), "utf8");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sbom-"));
  const env = { ...process.env, VERSION: "1.2.3" };
  for (const run of ["first", "second"]) {
    await promisify(execFile)(process.execPath, ["build/package/sbom.ts", "user-service", join(folder, run)], { env });
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the SBOM names the packages that the bundle holds, and none that only build or test it", async () => {
  const { metadata, components } = JSON.parse(await read("first", "sbom.cdx.json"));
  expect(metadata.component).toMatchObject({ name: "user-service", version: "1.2.3", type: "application" });
  const names = components.map(({ name }: Component) => name);
  expect(names).toEqual(expect.arrayContaining(["pg", "winston", "@prisma/client", "@bufbuild/protobuf"]));
  for (const tool of ["esbuild", "vitest", "prisma", "typescript", "@connectrpc/connect-web"]) {
    expect(names).not.toContain(tool);
  }
  for (const { name, version, purl, licenses } of components as Component[]) {
    expect(purl).toBe(`pkg:npm/${name.replace("@", "%40")}@${version}`);
    expect(licenses).not.toHaveLength(0);
  }
});

test("every package in it has its licence in the notices", async () => {
  const { components } = JSON.parse(await read("first", "sbom.cdx.json"));
  const notices = await read("first", "licenses.txt");
  for (const { name, version } of components as Component[]) expect(notices).toContain(`  ${name} ${version}: `);
  expect(notices).toContain("Copyright (c) 2010 - 2021 Brian Carlson");
});

test("the same sources give the same files", async () => {
  for (const file of ["sbom.cdx.json", "licenses.txt"])
    expect(await read("first", file)).toBe(await read("second", file));
});
