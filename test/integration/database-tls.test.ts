import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPool } from "@grpc-service-template/bounded-pg";
import { EXIT, startDatabase } from "@grpc-service-template/service-lifecycle";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { withPlainSslMode } from "#internal/pkg/database/ssl-mode.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { runOn } from "../../scripts/postgres/scratch-database.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
/** Of a CA of nobody's, for localhost alone: the server is reached as 127.0.0.1 too. */
const CERTIFICATES = [
  "umask 077",
  "openssl req -x509 -newkey rsa:2048 -nodes -subj '/CN=a private CA' -keyout ca.key -out ca.crt",
  "openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout server.key -out server.csr",
  "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -copy_extensions copy -out server.crt",
].join(" 2>/dev/null && ");

describe.skipIf(!hasOpenssl && !process.env.CI)("TLS to the database, as docs/operations.md has it", () => {
  let dataDir: string;
  let server: EmbeddedPostgres;
  let plainUrl: URL;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "database-tls-"));
    server = await startEmbeddedPostgres({ dataDir, durable: false });
    plainUrl = new URL(server.url);
    plainUrl.hostname = "localhost";
  });
  afterAll(async () => {
    await server?.stop("immediate");
    await rm(dataDir, { recursive: true, force: true });
  });

  const urlWith = (query: string, host = "localhost") =>
    `${Object.assign(new URL(plainUrl), { hostname: host, search: query })}`;

  /** Whether the connection has TLS, of a start by this URL; what the start is ended with. */
  async function start(url: string): Promise<unknown> {
    const pool = createPool({ url: withPlainSslMode(url), applicationName: "tls", onError: () => {} });
    let encrypted: unknown;
    const check = async () => {
      encrypted = (await pool.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).rows[0].ssl;
    };
    try {
      await startDatabase({ url, check, prepare: async () => {}, waitMs: 60_000, onWaiting: () => {} });
      return { encrypted };
    } catch (error) {
      return error;
    } finally {
      await pool.end();
    }
  }
  const refusal = (message: string) => ({ exitCode: EXIT.configuration, message: expect.stringContaining(message) });

  test("a server without TLS is refused where sslmode wants it", async () => {
    expect(await start(urlWith("sslmode=verify-full"))).toMatchObject(refusal("switch it on at the server"));
  });

  describe("of a server with a certificate of a private CA", () => {
    let ca: string;

    beforeAll(async () => {
      // By the server, in its folder: it refuses a key that others may read.
      await runOn(server.url, `COPY (SELECT 1) TO PROGRAM '${CERTIFICATES.replaceAll("'", "''")} 2>/dev/null'`);
      const { rows } = await runOn(server.url, "SHOW data_directory");
      ca = join(rows[0].data_directory, "ca.crt");
      await runOn(server.url, "ALTER SYSTEM SET ssl = on");
      await runOn(server.url, "SELECT pg_reload_conf()");
      const isOn = async () => expect(await start(urlWith("sslmode=no-verify"))).toEqual({ encrypted: true });
      await vi.waitFor(isOn, { timeout: 10_000 });
    });

    test("without sslmode it is plain text", async () => {
      expect(await start(urlWith(""))).toEqual({ encrypted: false });
    });

    test("verify-full with the CA's file is TLS", async () => {
      expect(await start(urlWith(`sslmode=verify-full&sslrootcert=${ca}`))).toEqual({ encrypted: true });
    });

    test.each(["verify-full", "require"])("%s without it is refused at once", async (mode) => {
      expect(await start(urlWith(`sslmode=${mode}`))).toMatchObject(refusal("name its CA's file as sslrootcert"));
    });

    test("a host that the certificate does not name is refused at once", async () => {
      const url = urlWith(`sslmode=verify-full&sslrootcert=${ca}`, "127.0.0.1");
      expect(await start(url)).toMatchObject(refusal("the host in DATABASE_URL must be a name in"));
    });

    test("a file that is missing, or a folder, is refused at once", async () => {
      await mkdir(join(dataDir, "folder"));
      for (const file of ["/missing/ca.crt", join(dataDir, "folder")]) {
        const outcome = await start(urlWith(`sslmode=verify-full&sslrootcert=${file}`));
        expect(outcome).toMatchObject(refusal("check the files that sslrootcert"));
      }
    });
  });
});
