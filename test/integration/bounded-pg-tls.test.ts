import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPool, runInCall } from "@grpc-service-template/bounded-pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { runOn } from "../../scripts/postgres/scratch-database.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const certificate = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.crt";

let dataDir: string;
let server: EmbeddedPostgres | undefined;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "bounded-pg-tls-"));
  server = await startEmbeddedPostgres({ dataDir, durable: false });
});

afterAll(async () => {
  await server?.stop("immediate");
  await rm(dataDir, { recursive: true, force: true });
});

test.skipIf(!hasOpenssl && !process.env.CI)(
  "a statement is cancelled over TLS where the connection has TLS",
  async () => {
    const url = server?.url ?? "";
    // The server makes its own key, which nobody else may read.
    await runOn(url, `COPY (SELECT 1) TO PROGRAM 'umask 077 && ${certificate} 2>/dev/null'`);
    await runOn(url, "ALTER SYSTEM SET ssl = on");
    await runOn(url, "SELECT pg_reload_conf()");
    const pool = createPool({
      url: `${url}?sslmode=no-verify`,
      applicationName: "tls",
      connectTimeoutMs: 10_000,
      statementTimeoutMs: 60_000,
      cancelTimeoutMs: 10_000,
      onError: () => {},
    });
    const active = async () =>
      (await runOn(url, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'tls' AND state = 'active'")).rowCount;
    try {
      await expect
        .poll(async () => (await pool.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).rows)
        .toEqual([{ ssl: true }]);
      const client = new AbortController();
      const sleeping = runInCall(client, () => pool.query("SELECT pg_sleep(60)")).catch((error) => error);
      await expect.poll(active).toBe(1);
      client.abort("gone");
      expect(await sleeping).toBe("gone");
      await expect.poll(active).toBe(0);
      // Over TLS too: the connection was not closed instead.
      await expect.poll(() => pool.stats()).toMatchObject({ inUse: 0, idle: 1 });
    } finally {
      await pool.end();
    }
  },
);
