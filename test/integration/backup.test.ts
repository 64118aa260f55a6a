import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { migrate } from "@grpc-service-template/prisma-migrations";
import { expect, test } from "vitest";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { createEmptyDatabase, createTestDatabase } from "../database/test-database.ts";

const IMAGE = "postgres:17-trixie";
const migrationsDir = "internal/app/user-service/prisma/migrations";

/** pg_dump refuses a server of a later version than its own. */
const isHere = /\) 17\./.test(spawnSync("pg_dump", ["--version"], { encoding: "utf8" }).stdout ?? "");
const isInDocker = !isHere && spawnSync("docker", ["image", "inspect", IMAGE]).status === 0;
const mustSkip = !isHere && !isInDocker && !process.env.CI;

/** The commands as they stand in docs/operations.md, so that what is tried is what people copy. */
async function documented(program: string): Promise<string> {
  const command = (await readFile("docs/operations.md", "utf8"))
    .split("\n")
    .find((line) => line.startsWith(`${program} `));
  if (!command) throw new Error(`docs/operations.md has no command ${program}`);
  return command;
}

async function runCommand(command: string, cwd: string, env: Readonly<Record<string, string>>): Promise<void> {
  if (isHere) {
    await promisify(execFile)("bash", ["-c", command], { cwd, env: { ...process.env, ...env } });
    return;
  }
  const variables = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  const mount = ["--network", "host", "--volume", `${cwd}:/backup`, "--workdir", "/backup"];
  await promisify(execFile)("docker", ["run", "--rm", ...mount, ...variables, IMAGE, "bash", "-c", command]);
}

test.skipIf(mustSkip)(
  "a backup, restored by the documented commands, holds the same users and needs no migration",
  async () => {
    const original = await createTestDatabase("user-service");
    const restored = await createEmptyDatabase();
    const folder = await mkdtemp(join(tmpdir(), "backup-"));
    try {
      await runOn(
        original.url,
        `INSERT INTO users (id, email, email_key, display_name, version, create_time, update_time)
       SELECT gen_random_uuid(), 'U' || n || '@example.com', 'u' || n || '@example.com', 'Nutzer ü ' || n, n, now(), now()
       FROM generate_series(1, 100) n`,
      );
      await runCommand(await documented("pg_dump"), folder, { DATABASE_URL: original.url });
      await runCommand(await documented("pg_restore"), folder, { RESTORED_URL: restored.url });

      expect(await migrate({ url: restored.url, migrationsDir })).toMatchObject({ applied: [] });
      const users = "SELECT * FROM users ORDER BY id";
      const { rows } = await runOn(restored.url, users);
      expect(rows).toHaveLength(100);
      expect(rows).toEqual((await runOn(original.url, users)).rows);
      // The indices came along: the email is unique as before.
      await expect(runOn(restored.url, "UPDATE users SET email_key = 'same'")).rejects.toMatchObject({ code: "23505" });
    } finally {
      await Promise.all([original.drop(), restored.drop(), rm(folder, { recursive: true, force: true })]);
    }
  },
);
