import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, constants, type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { superviseProcess } from "../dev/supervised-process.ts";
import { DataDirectoryInUseError, EmbeddedPostgresError } from "./embedded-postgres-error.ts";
import type { PostgresAccount } from "./postgres-account.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";

/** What a data folder holds. All paths are absolute. */
export function dataFiles(dataDir: string) {
  return {
    cluster: path.join(dataDir, "cluster"),
    log: path.join(dataDir, "postgres.log"),
    password: path.join(dataDir, "password"),
    port: path.join(dataDir, "port"),
  };
}

/** What PostgreSQL's programs see: this environment with messages in English, and nothing that configures a client. */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("PG"));
  return { ...Object.fromEntries(entries), LC_ALL: "C" };
}

export interface InitialiseOptions {
  readonly dataDir: string;
  readonly binaries: PostgresBinaries;
  readonly account: PostgresAccount;
  readonly durable: boolean;
  readonly log?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Creates the data folder unless it exists. It is made beside its place and renamed when complete: a first start that is
 * killed leaves nothing that looks like a database.
 */
export async function initialiseData(options: InitialiseOptions): Promise<void> {
  const { dataDir, account } = options;
  await removeLeftovers(dataDir);
  const content = await readdir(dataDir).catch((): string[] => []);
  if (content.includes("cluster")) return;
  if (content.length > 0) {
    throw new EmbeddedPostgresError(`${dataDir} is neither empty nor a data folder of the embedded PostgreSQL.`);
  }
  options.log?.(`creating PostgreSQL's data folder ${dataDir}`);
  const staging = `${dataDir}.init-${process.pid}`;
  await mkdir(staging, { mode: 0o700 });
  try {
    if (account.owner) await chown(staging, account.owner.uid, account.owner.gid);
    await writeOwned(dataFiles(staging).password, randomBytes(18).toString("base64url"), account);
    await initdb(staging, options);
    await rename(staging, dataDir).catch(async (error) => {
      // Two first starts at once: the other one was faster, and its folder is as good.
      if (!(await readdir(dataDir)).includes("cluster")) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function initdb(folder: string, { binaries, account, durable, signal }: InitialiseOptions): Promise<void> {
  const { cluster, log, password } = dataFiles(folder);
  const output = await openOwned(log, account);
  try {
    const initdb = superviseProcess(
      [
        ...[...account.prefix, binaries.initdb, "--pgdata", cluster, "--username=postgres", `--pwfile=${password}`],
        // The builtin provider sorts and folds the same on every platform; libc's does not.
        ...["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"],
        ...["--locale-provider=builtin", "--builtin-locale=C.UTF-8", ...(durable ? [] : ["--no-sync"])],
      ],
      { ...commandOptions(account), output: output.fd },
    );
    const abort = () => initdb.signal("INT");
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    const code = await initdb.exited;
    signal?.removeEventListener("abort", abort);
    signal?.throwIfAborted();
    if (code !== 0) {
      throw new EmbeddedPostgresError(`initdb failed with exit code ${code}:\n${await lastLines(log)}`);
    }
  } finally {
    await output.close();
  }
}

/** How the server's programs are started: as the account, from a folder that every account may enter. */
export function commandOptions(account: PostgresAccount) {
  return {
    cwd: "/",
    env: postgresEnvironment(),
    uid: account.uid,
    gid: account.gid,
    // PostgreSQL's fast shutdown.
    finalSignal: "INT",
    finalGraceSeconds: 30,
  } as const;
}

/** Removes what first starts left that were killed. */
async function removeLeftovers(dataDir: string): Promise<void> {
  const prefix = `${path.basename(dataDir)}.init-`;
  for (const name of await readdir(path.dirname(dataDir))) {
    if (name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length)))) {
      // An initdb whose launcher was killed may still be writing for a moment.
      await rm(path.join(path.dirname(dataDir), name), {
        recursive: true,
        force: true,
        maxRetries: 20,
        retryDelay: 50,
      });
    }
  }
}

/** Writes a file that only the owner of the data may read. */
export async function writeOwned(file: string, content: string, account: PostgresAccount): Promise<void> {
  const handle = await openOwned(file, account);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Empties or creates a file that only the owner of the data may read. */
export async function openOwned(file: string, { owner }: PostgresAccount): Promise<FileHandle> {
  const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = constants;
  const handle = await open(file, O_APPEND | O_CREAT | O_TRUNC | O_WRONLY, 0o600);
  if (owner) await handle.chown(owner.uid, owner.gid);
  return handle;
}

/** The last lines of a log, for an error message. */
export async function lastLines(file: string, count = 15): Promise<string> {
  const content = await readFile(file, "utf8").catch(() => "");
  return content.trimEnd().split("\n").slice(-count).join("\n");
}

/**
 * Waits for a server that is just leaving the folder, as after `kill -9` of its launcher.
 * @returns whether the last server was killed: its lock is still there, and its children may be, for a moment.
 * @throws DataDirectoryInUseError when a server stays.
 */
export async function awaitFreeData(dataDir: string, signal?: AbortSignal): Promise<boolean> {
  const { cluster } = dataFiles(dataDir);
  for (const started = Date.now(); ; await sleep(50, undefined, { signal })) {
    const lock = await readLock(cluster);
    if (lock === undefined) return false;
    if (!(await isServerOf(lock.pid, cluster))) {
      // The id now belongs to another program, after a reboot for example, for which PostgreSQL would refuse to start.
      // Should this be wrong, its lock in shared memory, which no other process can own, still refuses.
      if (isAlive(lock.pid)) await rm(path.join(cluster, "postmaster.pid"), { force: true });
      return true;
    }
    // A launcher that was killed a moment ago has a server that does not know it yet.
    const patienceMs = lock.status === "stopping" ? 10_000 : 1_000;
    if (Date.now() - started > patienceMs) throw new DataDirectoryInUseError(dataDir, lock.pid);
  }
}

/** The lines of postmaster.pid: https://www.postgresql.org/docs/17/storage-file-layout.html, and pidfile.h. */
async function readLock(cluster: string): Promise<{ pid: number; status: string } | undefined> {
  const content = await readFile(path.join(cluster, "postmaster.pid"), "utf8").catch(() => undefined);
  if (content === undefined) return undefined;
  const lines = content.split("\n");
  return { pid: Number(lines[0]), status: lines[7]?.trim() ?? "" };
}

async function isServerOf(pid: number, cluster: string): Promise<boolean> {
  return isAlive(pid) && (await commandLine(pid)).includes(`postgres -D ${cluster} `);
}

async function commandLine(pid: number): Promise<string> {
  // Slim images have no ps.
  if (process.platform === "linux") {
    const raw = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    return raw.replaceAll("\0", " ");
  }
  const ps = await promisify(execFile)("ps", ["-ww", "-o", "args=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return ps.stdout;
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
