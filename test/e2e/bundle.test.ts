import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { createEmptyDatabase } from "../database/test-database.ts";
import { startService } from "./service-process.ts";

const run = promisify(execFile);

it("migrates an empty database and serves as a bundle that has nothing around it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bundle-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const database = await createEmptyDatabase();
  onTestFinished(() => database.drop());
  const program = join(folder, "main.mjs");
  const env = { PATH: process.env.PATH, DATABASE_URL: database.url };

  await run(process.execPath, ["build/package/bundle.ts", "user-service", folder]);
  const refused = run(process.execPath, [program], { cwd: tmpdir(), env: { ...env, APP_ENV: "production" } });
  await expect(refused).rejects.toMatchObject({ code: 65, stderr: expect.stringMatching(/lacks \d+_create_users/) });
  const migrated = await run(process.execPath, [program, "migrate"], { cwd: tmpdir(), env });
  expect(migrated.stdout).toMatch(/create_users/);

  const service = await startService({ ...env, APP_ENV: "production" }, program);
  expect((await fetch(`http://127.0.0.1:${service.adminPort}/readyz`)).status).toBe(200);
  expect(await service.stop()).toBe(0);
});
