import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "./docker.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "image-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Builds with a `docker` that writes down what it is told to build, and builds nothing. */
async function build(...args: readonly string[]) {
  const told = join(folder, "told");
  const docker = `#!/bin/sh\n[ "$1" = buildx ] || echo "$*" > ${told}\n`;
  await writeFile(join(folder, "docker"), docker, { mode: 0o755 });
  const outcome = await run("scripts/image.sh", args, { PATH: `${folder}:${process.env.PATH}` });
  return { ...outcome, told: await readFile(told, "utf8").catch(() => "") };
}

test.each([
  { args: ["user-service"], tag: "dev", version: "0.0.0-dev" },
  { args: ["user-service", ""], tag: "dev", version: "0.0.0-dev" },
  { args: ["user-service", "1.2.3-rc.1"], tag: "1.2.3-rc.1", version: "1.2.3-rc.1" },
])("$args builds the tag $tag of version $version", async ({ args, tag, version }) => {
  const { code, told } = await build(...args);
  expect(code).toBe(0);
  expect(told).toContain(` --tag user-service:${tag} `);
  expect(told).toContain(` VERSION=${version} `);
});

test("further arguments are docker's", async () => {
  expect((await build("user-service", "dev", "--pull")).told).toMatch(/ --pull \.\n$/);
});

test.each([
  { args: [], says: 'there is no service ""; services: ' },
  { args: ["no-such-service"], says: 'there is no service "no-such-service"; services: ' },
  { args: ["../cmd/user-service"], says: "there is no service" },
  { args: ["user-service", "1.2 3"], says: '"1.2 3" is no tag' },
  { args: ["user-service", "-1"], says: '"-1" is no tag' },
  { args: ["user-service", "1".repeat(129)], says: "is no tag" },
])("$args is refused in one line, before docker is asked", async ({ args, says }) => {
  const refused = await build(...args);
  expect(refused).toMatchObject({ code: 64, stdout: "", told: "", stderr: expect.stringContaining(says) });
  expect(refused.stderr.trim().split("\n")).toHaveLength(1);
});
