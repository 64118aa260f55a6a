import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { eventually, processesWith } from "../dev/processes-for-tests.ts";
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "./embedded-postgres.ts";
import { DataDirectoryInUseError, EmbeddedPostgresError } from "./embedded-postgres-error.ts";

const isRoot = process.getuid?.() === 0;
/** `daemon`: exists everywhere. */
const ordinaryUser = 1;
const timeout = 60_000;

// A first start takes longest: the tests that are not about it share one data folder, stopped between them.
let folder: string;
let dataDir: string;
let servers: EmbeddedPostgres[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "embedded-"));
  dataDir = path.join(folder, "shared", "postgres");
  const server = await start({ durable: true });
  await query(server.url, "create table kept as select 42 as answer");
  await endAll();
});

afterEach(endAll);

afterAll(() => rm(folder, { recursive: true }));

async function endAll(): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
  await eventually("no process is left", () => processesWith(folder).length === 0);
}

const freshDataDir = async () => path.join(await mkdtemp(path.join(folder, "fresh-")), "postgres");

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, database: "user_service", durable: false, ...options });
  servers.push(server);
  return server;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
  await client.end();
  return rows.flat();
}

const lockOf = (dir: string) => path.join(dir, "cluster", "postmaster.pid");
const lockedPid = async () => Number((await readFile(lockOf(dataDir), "utf8")).split("\n")[0]);

test("keeps its data and its URL over a restart, and its password to itself", { timeout }, async () => {
  const first = await start();
  expect((await stat(path.join(dataDir, "password"))).mode & 0o777).toBe(0o600);
  await expect(query(first.url.replace(/:[^:@]+@/, ":guessed@"), "select 1")).rejects.toThrow(/password/);
  await first.stop();
  expect((await first.exited).code).toBe(0);
  const second = await start();
  expect(second.url).toBe(first.url);
  expect(await query(second.url, "select answer from kept")).toEqual([42]);
});

test("is set up the same on every machine, and reached from this one only", { timeout }, async () => {
  const { url } = await start();
  expect(await query(url, "select lower('ÄÖ'), 'a' > 'B'")).toEqual(["äö", true]);
  const settings = ["server_encoding", "timezone", "listen_addresses", "unix_socket_directories"];
  const shown = settings.map((name) => `current_setting('${name}')`);
  expect(await query(url, `select ${shown}`)).toEqual(["UTF8", "UTC", "127.0.0.1", ""]);
});

test("serves several databases from one data folder", { timeout }, async () => {
  const { url } = await start({ database: "order-service" });
  expect(await query(url, "select current_database()")).toEqual(["order-service"]);
  expect(await query(url.replace("order-service", "user_service"), "select answer from kept")).toEqual([42]);
});

test("takes another port when somebody has taken the last one", { timeout }, async () => {
  const first = await start();
  await first.stop();
  const other = createServer().listen(first.port, "127.0.0.1");
  await once(other, "listening");
  const second = await start();
  expect(second.port).not.toBe(first.port);
  expect(await query(second.url, "select answer from kept")).toEqual([42]);
  other.close();
});

test("refuses a data folder in use and says by whom, and what to do", { timeout }, async () => {
  const first = await start();
  const failure = await start().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DataDirectoryInUseError);
  expect(failure).toMatchObject({ dataDir, pid: await lockedPid() });
  expect((failure as Error).message).toMatch(/DATABASE_URL/);
  expect(await query(first.url, "select 1")).toEqual([1]);
});

test("recovers the data of a server that was killed", { timeout }, async () => {
  const first = await start({ durable: true });
  await query(first.url, "create table killed as select 43 as answer");
  process.kill(await lockedPid(), "SIGKILL");
  expect((await first.exited).code).toBe(137);
  const second = await start();
  expect(await query(second.url, "select answer from killed")).toEqual([43]);
});

test("recovers after everything was killed at once", { timeout }, async () => {
  const launcher = await runLauncher();
  await query(launcher.url, "create table all_killed as select 44 as answer");
  for (const { pid } of processesWith(folder)) process.kill(pid, "SIGKILL");
  const second = await start();
  expect(await query(second.url, "select answer from all_killed")).toEqual([44]);
});

test("starts although the last server's process id belongs to another program now", { timeout }, async () => {
  const first = await start();
  const content = await readFile(lockOf(dataDir), "utf8");
  await first.stop();
  // A program of the same user: PostgreSQL itself would refuse.
  const { uid, gid } = await stat(dataDir);
  const other = spawn("sleep", ["60"], isRoot ? { uid, gid } : {});
  try {
    await writeFile(lockOf(dataDir), content.replace(/^\d+/, String(other.pid)));
    expect(await query((await start()).url, "select 1")).toEqual([1]);
  } finally {
    other.kill();
  }
});

test("ends when its launcher is killed, and a next start waits for that", { timeout }, async () => {
  const launcher = await runLauncher();
  await killed(launcher.kill);
  const { url } = await start();
  expect(await query(url, "select answer from kept")).toEqual([42]);
});

test("shows the end of the server's log when it does not start", { timeout }, async () => {
  const settings = path.join(dataDir, "cluster", "postgresql.auto.conf");
  await writeFile(settings, "no_such_setting = 1\n");
  await expect(start()).rejects.toThrow(/unrecognized configuration parameter "no_such_setting"/);
  await writeFile(settings, "");
});

test("says where the password is when the server refuses it", { timeout }, async () => {
  const file = path.join(dataDir, "password");
  const password = await readFile(file, "utf8");
  await writeFile(file, "guessed");
  await expect(start()).rejects.toThrow(file);
  await writeFile(file, password);
});

test("a first start that is given up leaves nothing, and the next one works", { timeout }, async () => {
  const fresh = await freshDataDir();
  const controller = new AbortController();
  const log = () => setTimeout(() => controller.abort(), 100);
  await expect(start({ dataDir: fresh, signal: controller.signal, log })).rejects.toThrow("aborted");
  expect(await readdir(path.dirname(fresh))).toEqual([]);
  expect(await query((await start({ dataDir: fresh })).url, "select 1")).toEqual([1]);
});

test("a first start whose launcher is killed leaves nothing that a next one minds", { timeout }, async () => {
  const fresh = await freshDataDir();
  const launcher = spawnLauncher({ dir: fresh });
  await eventually("initdb runs", () => processesWith(fresh).some(({ args }) => args.includes("initdb")));
  // Until its exit is collected, its process id counts as alive.
  const exit = once(launcher, "exit");
  await killed(() => launcher.kill("SIGKILL"), fresh);
  await exit;
  const { url } = await start({ dataDir: fresh });
  expect(await query(url, "select 1")).toEqual([1]);
  expect(await readdir(path.dirname(fresh))).toEqual(["postgres"]);
});

test("of two first starts at once one wins, and the other one is refused", { timeout }, async () => {
  const fresh = await freshDataDir();
  const [own, other] = await Promise.allSettled([start({ dataDir: fresh }), runLauncher({ dir: fresh })]);
  expect([own.status, other.status].sort()).toEqual(["fulfilled", "rejected"]);
  for (const result of [own, other]) {
    if (result.status === "rejected") expect(String(result.reason)).toMatch("is in use by");
  }
  if (other.status === "fulfilled") await killed(other.value.kill, fresh);
});

test("does not touch a folder that holds something else", { timeout }, async () => {
  const other = await mkdtemp(path.join(folder, "other-"));
  await writeFile(path.join(other, "thesis.txt"), "mine");
  await expect(start({ dataDir: other })).rejects.toThrow(EmbeddedPostgresError);
  expect(await readdir(other)).toEqual(["thesis.txt"]);
});

test.runIf(isRoot)("as root, runs below a folder that only root may enter, as somebody else", { timeout }, async () => {
  await chmod(folder, 0o700);
  await start();
  const { uid } = await stat(dataDir);
  expect(uid).not.toBe(0);
  expect((await stat(`/proc/${await lockedPid()}`)).uid).toBe(uid);
});

test.runIf(isRoot)("tells a user whose data these are that cannot be opened", { timeout }, async () => {
  await chmod(folder, 0o755);
  await expect(runLauncher({ user: ordinaryUser })).rejects.toThrow(/belongs to user id \d+, and you are 1 /);
});

test.runIf(isRoot)("as root, leaves an ordinary user's data to that user", { timeout }, async () => {
  await chmod(folder, 0o755);
  const { uid, gid } = await stat(dataDir);
  const giveTo = (owner: number, group: number) => execFileSync("chown", ["-R", `${owner}:${group}`, dataDir]);
  giveTo(ordinaryUser, ordinaryUser);
  const first = await start();
  await first.stop();
  const usersOwn = await runLauncher({ user: ordinaryUser });
  expect(usersOwn.url).toBe(first.url);
  await killed(usersOwn.kill);
  await endAll();
  giveTo(uid, gid);
});

interface LauncherOptions {
  readonly dir?: string;
  readonly user?: number;
}

function spawnLauncher({ dir = dataDir, user }: LauncherOptions = {}) {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL("./embedded-postgres.ts", import.meta.url).href)};
    const options = { dataDir: ${JSON.stringify(dir)}, database: "user_service" };
    const server = await startEmbeddedPostgres(options).catch((error) => { console.error(error.message); process.exit(1); });
    console.log(server.url);`;
  return spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "pipe"],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
}

/** Runs the server in a process of its own, which can be killed. */
async function runLauncher(options?: LauncherOptions): Promise<{ url: string; kill: () => void }> {
  const launcher = spawnLauncher(options);
  let errors = "";
  launcher.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const url = await new Promise<string>((resolve, reject) => {
    launcher.stdout.once("data", (chunk) => resolve(String(chunk).trim()));
    launcher.once("close", () => reject(new Error(errors)));
  });
  return { url, kill: () => launcher.kill("SIGKILL") };
}

async function killed(kill: () => void, dir = dataDir): Promise<void> {
  const launchers = processesWith("--input-type=module").filter(({ args }) => args.includes(dir));
  kill();
  await eventually("the launcher is gone", () =>
    launchers.every(({ pid }) => !processesWith(dir).some((process) => process.pid === pid)),
  );
}
