import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { PostgreSqlContainer } from "@testcontainers/postgresql";
import { getContainerRuntimeClient, ImageName } from "testcontainers";
import type { TestServer } from "./test-server.ts";

/** The tag that this version of testcontainers asks for, unless RYUK_CONTAINER_IMAGE says otherwise. */
const RYUK_IMAGE = "testcontainers/ryuk:0.14.0";

/** The reason why no container of `image` can be started here within `timeoutMs`, or undefined. */
export async function findContainerObstacle(
  image: string,
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<string | undefined> {
  const program = join(import.meta.dirname, "container-probe.ts");
  const options = { env, timeout: timeoutMs, killSignal: "SIGKILL" as const };
  try {
    await promisify(execFile)(process.execPath, [program, image], options);
    return undefined;
  } catch (error) {
    const { killed, stdout, stderr } = error as { killed: boolean; stdout: string; stderr: string };
    return killed ? `${stdout.trim().split("\n").at(-1)}, gave up after ${timeoutMs} ms` : stderr.trim();
  }
}

export async function startContainer(image: string): Promise<TestServer> {
  const client = await getContainerRuntimeClient();
  // Ryuk removes what a killed process leaves behind; it is not worth pulling a second image for.
  const ryuk = ImageName.fromString(process.env.RYUK_CONTAINER_IMAGE ?? RYUK_IMAGE);
  if (!(await client.image.exists(ryuk))) process.env.TESTCONTAINERS_RYUK_DISABLED ??= "true";

  const container = await new PostgreSqlContainer(image)
    .withCommand(["postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"])
    .withTmpFs({ "/var/lib/postgresql/data": "rw" })
    .start();
  return {
    description: `testcontainers (${image})`,
    adminUrl: container.getConnectionUri(),
    stop: async () => {
      await container.stop({ timeout: 0 });
    },
    abandon: () => {
      spawnSync("docker", ["rm", "--force", "--volumes", container.getId()], { stdio: "ignore" });
    },
  };
}
