import { execFile } from "node:child_process";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { ADDED_MIGRATION, GRPC_GO_LOAD, MIGRATIONS, ROOT, writeDescriptors } from "../releases.ts";

const run = promisify(execFile);

export const IMAGES = { v1: "user-service:e2e-v1", v2: "user-service:e2e-v2", load: "user-service-load:e2e" };

const DATABASE_IMAGE = "postgres:17-trixie";

const V2_DOCKERFILE = `FROM ${IMAGES.v1}
COPY migration.sql /app/${MIGRATIONS}/${ADDED_MIGRATION.name}/
`;

const LOAD_DOCKERFILE = `FROM node:24-trixie-slim
WORKDIR /load
COPY . ./
USER 65532:65532
CMD ["node", "--eval", "process.once('SIGTERM', () => process.exit()); setInterval(() => {}, 60_000)"]
`;

/** Builds two releases and the load program as images, and brings them to the cluster's nodes. */
export async function provideImages(folder: string): Promise<void> {
  await run("make", ["image", "TAG=e2e-v1"], { cwd: ROOT });
  await buildImage(IMAGES.v2, join(folder, "v2"), V2_DOCKERFILE, (context) =>
    writeFile(join(context, "migration.sql"), ADDED_MIGRATION.sql),
  );
  await buildImage(IMAGES.load, join(folder, "load"), LOAD_DOCKERFILE, async (context) => {
    await bundleLoad(join(context, "main.mjs"));
    await writeDescriptors(join(context, "users.binpb"));
    await cp((await run("which", [GRPC_GO_LOAD])).stdout.trim(), join(context, GRPC_GO_LOAD));
  });
  const isLocal = await run("docker", ["image", "inspect", DATABASE_IMAGE]).then(
    () => true,
    () => false,
  );
  // A cluster that has a registry fetches the public one by itself.
  await load([...(isLocal ? [DATABASE_IMAGE] : []), ...Object.values(IMAGES)]);
}

async function buildImage(tag: string, context: string, dockerfile: string, fill: (context: string) => Promise<void>) {
  await mkdir(context);
  await writeFile(join(context, "Dockerfile"), dockerfile);
  await fill(context);
  await run("docker", ["build", "--tag", tag, context]);
}

async function bundleLoad(outfile: string): Promise<void> {
  await build({
    entryPoints: [join(ROOT, "test/rollout/load/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    // grpc-js is CommonJS and requires Node's modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "error",
  });
}

/** K8S_LOAD is a command that is given the images' names; kind has one. */
async function load(images: readonly string[]): Promise<void> {
  const context = (await run("kubectl", ["config", "current-context"])).stdout.trim();
  const kind = context.startsWith("kind-")
    ? `kind load docker-image --name ${context.slice("kind-".length)}`
    : undefined;
  const command = process.env.K8S_LOAD ?? kind;
  if (command === undefined) throw new Error("K8S_LOAD must name a command that brings images to the cluster's nodes");
  await run("bash", ["-c", `${command} "$@"`, "load", ...images]);
}
