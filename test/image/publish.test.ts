import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "./docker.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "publish-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Publishes with a `docker` whose `pull` is this, and writes down what else it is told to do. */
async function publish(pull: string, args = ["user-service", "1.2.3", "ghcr.io/Owner"]) {
  const done = join(folder, "done");
  const digest = `sha256:${"ab".repeat(32)}`;
  const docker = `#!/bin/sh
case "$*" in
  "pull --quiet ghcr.io/owner/user-service:1.2.3") ${pull} ;;
  "image inspect"*) echo "other.example/user-service@${digest}"; echo "ghcr.io/owner/user-service@${digest}" ;;
  *) echo "$*" >> ${done} ;;
esac`;
  await writeFile(join(folder, "docker"), docker, { mode: 0o755 });
  const outcome = await run("build/ci/publish.sh", args, { PATH: `${folder}:${process.env.PATH}` });
  return { ...outcome, done: await readFile(done, "utf8").catch(() => "") };
}

test.each([
  "manifest for ghcr.io/owner/user-service:1.2.3 not found: manifest unknown",
  "name unknown: no such repository",
])("a version that the registry does not have (%s) is pushed, and named by its digest", async (answer) => {
  expect(await publish(`echo "${answer}" >&2; exit 1`)).toMatchObject({
    code: 0,
    stdout: `ghcr.io/owner/user-service@sha256:${"ab".repeat(32)}\n`,
    done: "tag user-service:1.2.3 ghcr.io/owner/user-service:1.2.3\npush --quiet ghcr.io/owner/user-service:1.2.3\n",
  });
});

test("a version that it has is never pushed again", async () => {
  const refused = await publish("echo '{}'");
  expect(refused).toMatchObject({ code: 73, done: "", stderr: expect.stringContaining("is there already") });
});

test("a registry that does not say which is no reason to push", async () => {
  const refused = await publish("echo 'denied: requested access to the resource is denied' >&2; exit 1");
  expect(refused).toMatchObject({ code: 69, done: "", stderr: expect.stringContaining("denied") });
});

test.each([
  { args: [] },
  { args: ["user-service", "1.2.3"] },
  { args: ["user-service", "next", "ghcr.io/owner"] },
  { args: ["user-service", "v1.2.3", "ghcr.io/owner"] },
])("$args is answered with the usage", async ({ args }) => {
  expect(await publish("exit 1", args)).toMatchObject({
    code: 64,
    done: "",
    stderr: "usage: publish.sh user-service 1.2.3 ghcr.io/owner\n",
  });
});
