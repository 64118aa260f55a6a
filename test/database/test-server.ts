import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "../../scripts/embedded-postgres.ts";
import { probeContainerEngine, startContainer } from "./testcontainers.ts";

/** A PostgreSQL for a run of tests. */
export interface TestServer {
  /** What it is, for people. */
  readonly description: string;
  /** Of a role that may create databases. */
  readonly adminUrl: string;
  stop(): Promise<void>;
}

/** The major version is the one that production runs: see deployments/. */
const DEFAULT_IMAGE = "postgres:17-trixie";
const PROBE_TIMEOUT_MS = 5_000;

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
  if (wish === "testcontainers") return startContainer(image);
  if (wish === "embedded") return startEmbedded("TEST_DATABASE=embedded");
  if (wish) throw new Error(`TEST_DATABASE must be url, testcontainers or embedded; it is "${wish}"`);

  try {
    await probeContainerEngine(image, PROBE_TIMEOUT_MS);
  } catch (error) {
    return startEmbedded(`Docker: ${error instanceof Error ? error.message : error}`);
  }
  return startContainer(image);
}

function useServer(url: string | undefined): TestServer {
  if (!url) throw new Error("TEST_DATABASE=url needs TEST_DATABASE_URL");
  const { host } = new URL(url);
  return { description: `TEST_DATABASE_URL (${host})`, adminUrl: url, stop: async () => {} };
}

async function startEmbedded(reason: string): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "test-database-"));
  const server = await startEmbeddedPostgres({ dataDir, durable: false });
  return {
    description: `embedded PostgreSQL 17 (${reason})`,
    adminUrl: server.url,
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
