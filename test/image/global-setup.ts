import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { IMAGE, VERSION } from "./containers.ts";
import { docker, findDockerObstacle, run } from "./docker.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Why the image cannot be tried here, or undefined. Never on a build server: there it is a failure. */
    dockerObstacle: string | undefined;
  }
}

/** A release tries the image that it publishes. Otherwise one is built, so that nobody's user-service:dev is replaced. */
const isGiven = Boolean(process.env.TAG);

export async function setup(project: TestProject): Promise<void> {
  const obstacle = await findDockerObstacle();
  project.provide("dockerObstacle", obstacle);
  if (obstacle && process.env.CI) throw new Error(obstacle);
  if (obstacle) process.stderr.write(`skipped: ${obstacle}\n`);
  else if (isGiven) await docker("image", "inspect", IMAGE);
  else execFileSync("make", ["image", `TAG=${VERSION}`], { cwd: join(import.meta.dirname, "../.."), stdio: "pipe" });
}

export async function teardown(): Promise<void> {
  // What it was built from stays in the engine's cache.
  if (!isGiven && !(await findDockerObstacle())) await run("docker", ["image", "rm", IMAGE]);
}
