import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import type { TestServer } from "./test-server.ts";
import { findContainerObstacle, startContainer } from "./testcontainers.ts";

/** The major version is the one that production runs: see deployments/. */
const DEFAULT_IMAGE = "postgres:17-trixie";
/** An engine answers in no time; a busy machine takes seconds to start the program that asks it. */
const PROBE_TIMEOUT_MS = 15_000;
/** For who insists on a container: the image may have to be pulled. */
const PULL_TIMEOUT_MS = 300_000;

/**
 * Gets the PostgreSQL that the tests use: the server of TEST_DATABASE_URL; else a container, where an engine and the image
 * are within reach; else the embedded one from npm. TEST_DATABASE=url|testcontainers|embedded insists on one of them, and
 * TEST_POSTGRES_IMAGE replaces the image.
 *
 * @throws {Error} with the reason, when the one insisted on is not to be had
 */
export async function startTestServer(env: NodeJS.ProcessEnv = process.env): Promise<TestServer> {
  const { TEST_DATABASE: wish, TEST_DATABASE_URL: url, TEST_POSTGRES_IMAGE: image = DEFAULT_IMAGE } = env;
  if (wish === "url" || (!wish && url)) return useServer(url);
  if (wish === "embedded") return startEmbedded("TEST_DATABASE=embedded");
  if (wish && wish !== "testcontainers") {
    throw new Error(`TEST_DATABASE must be url, testcontainers or embedded; it is "${wish}"`);
  }
  const obstacle = await findContainerObstacle(image, env, wish ? PULL_TIMEOUT_MS : PROBE_TIMEOUT_MS);
  if (obstacle === undefined) return startContainer(image);
  if (wish) throw new Error(`TEST_DATABASE=testcontainers: ${obstacle}`);
  return startEmbedded(`Docker: ${obstacle}`);
}

function useServer(url: string | undefined): TestServer {
  if (!url) throw new Error("TEST_DATABASE=url needs TEST_DATABASE_URL");
  const { host } = new URL(url);
  return { description: `TEST_DATABASE_URL (${host})`, adminUrl: url, stop: async () => {}, abandon: () => {} };
}

async function startEmbedded(reason: string): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "test-database-"));
  const removeData = () => rm(dataDir, { recursive: true, force: true });
  try {
    const server = await startEmbeddedPostgres({ dataDir, durable: false });
    return {
      description: `embedded PostgreSQL 17 (${reason})`,
      adminUrl: server.url,
      stop: async () => {
        await server.stop("immediate");
        await removeData();
      },
      // The server ends with this process.
      abandon: () => rmSync(dataDir, { recursive: true, force: true }),
    };
  } catch (error) {
    await removeData();
    throw error;
  }
}
