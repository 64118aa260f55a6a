import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { DataDirectoryInUseError, EmbeddedPostgresError } from "./dev/embedded-postgres-error.ts";
import { eventually, processesWith } from "./dev/processes-for-tests.ts";
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "./embedded-postgres.ts";

const isRoot = process.getuid?.() === 0;
/** `daemon`: exists everywhere. */
const ordinaryUser = 1;
const timeout = 20_000;

let template: string;
let folder: string;
let dataDir: string;
let servers: EmbeddedPostgres[];

// A first start takes longest; what is not about it starts from a copy of its result.
beforeAll(async () => {
  template = await mkdtemp(path.join(tmpdir(), "embedded-"));
  const server = await startEmbeddedPostgres({ dataDir: path.join(template, "postgres"), database: "user_service" });
  await server.stop();
});

afterAll(() => rm(template, { recursive: true }));

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "embedded-"));
  dataDir = path.join(folder, "data", "postgres");
  servers = [];
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop("immediate")));
  await eventually("no process is left", () => processesWith(folder).length === 0);
  await rm(folder, { recursive: true });
});

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, database: "user_service", durable: false, ...options });
  servers.push(server);
  return server;
}

async function startCopy(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  await copyTemplate();
  return start(options);
}

async function copyTemplate(): Promise<void> {
  await mkdir(path.dirname(dataDir));
  execFileSync("cp", ["-Rp", path.join(template, "postgres"), dataDir]);
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
  await client.end();
  return rows.flat();
}

const lockedPid = async () =>
  Number((await readFile(path.join(dataDir, "cluster", "postmaster.pid"), "utf8")).split("\n")[0]);

test("keeps its data and its URL over a restart, and its password to itself", { timeout }, async () => {
  const first = await start();
  await query(first.url, "create table kept as select 42 as answer");
  await first.stop();
  expect((await first.exited).code).toBe(0);

  const second = await start();
  expect(second.url).toBe(first.url);
  expect(await query(second.url, "select answer from kept")).toEqual([42]);
  expect((await stat(path.join(dataDir, "password"))).mode & 0o777).toBe(0o600);
  expect(await readdir(path.dirname(dataDir))).toEqual(["postgres"]);
  await expect(query(second.url.replace(/:[^:@]+@/, ":guessed@"), "select 1")).rejects.toThrow(/password/);
});

test("is set up the same on every machine, and reached from this one only", { timeout }, async () => {
  const { url } = await startCopy();
  expect(await query(url, "select lower('ÄÖ'), 'a' > 'B'")).toEqual(["äö", true]);
  const settings = ["server_encoding", "timezone", "listen_addresses", "unix_socket_directories"];
  const shown = settings.map((name) => `current_setting('${name}')`);
  expect(await query(url, `select ${shown}`)).toEqual(["UTF8", "UTC", "127.0.0.1", ""]);
});

test("serves several databases from one data folder", { timeout }, async () => {
  const { url } = await startCopy({ database: "order-service" });
  expect(await query(url, "select current_database()")).toEqual(["order-service"]);
  expect(await query(url.replace("order-service", "user_service"), "select 1")).toEqual([1]);
});

test("takes another port when somebody has taken the last one", { timeout }, async () => {
  const first = await startCopy();
  await first.stop();
  const other = createServer().listen(first.port, "127.0.0.1");
  await once(other, "listening");
  const second = await start();
  expect(second.port).not.toBe(first.port);
  expect(await query(second.url, "select 1")).toEqual([1]);
  other.close();
});

test("refuses a data folder in use and says by whom, and what to do", { timeout }, async () => {
  const first = await startCopy();
  const failure = await start().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DataDirectoryInUseError);
  expect(failure).toMatchObject({ dataDir, pid: await lockedPid() });
  expect((failure as Error).message).toMatch(/DATABASE_URL/);
  expect(await query(first.url, "select 1")).toEqual([1]);
});

test("of two first starts at once one wins, and the other one is refused", { timeout }, async () => {
  const results = await Promise.allSettled([start(), runLauncher()]);
  const [own, other] = results.map(({ status }) => status);
  expect([own, other].filter((status) => status === "fulfilled")).toHaveLength(1);
  for (const result of results) {
    if (result.status === "fulfilled" && "kill" in result.value) await killed(result.value.kill);
    if (result.status === "rejected") expect(String(result.reason)).toMatch("is in use by");
  }
});

test("recovers the data of a server that was killed", { timeout }, async () => {
  const first = await startCopy({ durable: true });
  await query(first.url, "create table kept as select 42 as answer");
  process.kill(await lockedPid(), "SIGKILL");
  expect((await first.exited).code).toBe(137);
  const second = await start();
  expect(await query(second.url, "select answer from kept")).toEqual([42]);
});

test("recovers after everything was killed at once", { timeout }, async () => {
  await copyTemplate();
  const launcher = await runLauncher();
  await query(launcher.url, "create table kept as select 42 as answer");
  for (const { pid } of processesWith(folder)) process.kill(pid, "SIGKILL");
  const second = await start();
  expect(await query(second.url, "select answer from kept")).toEqual([42]);
});

test("starts although the last server's process id belongs to another program now", { timeout }, async () => {
  const first = await startCopy();
  const lock = path.join(dataDir, "cluster", "postmaster.pid");
  const content = await readFile(lock, "utf8");
  await first.stop();
  // A program of the same user: PostgreSQL itself would refuse.
  const { uid, gid } = await stat(dataDir);
  const other = spawn("sleep", ["60"], isRoot ? { uid, gid } : {});
  try {
    await writeFile(lock, content.replace(/^\d+/, String(other.pid)));
    expect(await query((await start()).url, "select 1")).toEqual([1]);
  } finally {
    other.kill();
  }
});

test("ends when its launcher is killed, and a next start waits for that", { timeout }, async () => {
  await copyTemplate();
  const launcher = await runLauncher();
  await killed(launcher.kill);
  const { url } = await start();
  expect(await query(url, "select current_database()")).toEqual(["user_service"]);
});

test("a first start that is given up leaves nothing, and the next one works", { timeout }, async () => {
  const controller = new AbortController();
  const given = start({ signal: controller.signal, log: () => setTimeout(() => controller.abort(), 100) });
  await expect(given).rejects.toThrow("aborted");
  expect(await readdir(path.dirname(dataDir))).toEqual([]);
  expect(await query((await start()).url, "select 1")).toEqual([1]);
});

test("a first start whose launcher is killed leaves nothing that a next one minds", { timeout }, async () => {
  const launcher = spawnLauncher();
  await eventually("initdb runs", () =>
    processesWith(path.join(folder, "data")).some(({ args }) => args.includes("initdb")),
  );
  await killed(() => launcher.kill("SIGKILL"));
  const { url } = await start();
  expect(await query(url, "select 1")).toEqual([1]);
  expect(await readdir(path.dirname(dataDir))).toEqual(["postgres"]);
});

test("shows the end of the server's log when it does not start", { timeout }, async () => {
  const first = await startCopy();
  await first.stop();
  await writeFile(path.join(dataDir, "cluster", "postgresql.auto.conf"), "no_such_setting = 1\n");
  await expect(start()).rejects.toThrow(/unrecognized configuration parameter "no_such_setting"/);
});

test("says where the password is when the server refuses it", { timeout }, async () => {
  const first = await startCopy();
  await query(first.url, "alter user postgres password 'changed'");
  await first.stop();
  await expect(start()).rejects.toThrow(path.join(dataDir, "password"));
});

test("does not touch a folder that holds something else", { timeout }, async () => {
  await mkdir(dataDir, { recursive: true });
  await writeFile(path.join(dataDir, "thesis.txt"), "mine");
  await expect(start()).rejects.toThrow(EmbeddedPostgresError);
  expect(await readdir(dataDir)).toEqual(["thesis.txt"]);
});

test.runIf(isRoot)("as root, runs below a folder that only root may enter, as somebody else", { timeout }, async () => {
  await chmod(folder, 0o700);
  await startCopy();
  const [server] = processesWith(`postgres -D ${dataDir}/cluster`);
  expect((await stat(`/proc/${server?.pid}`)).uid).toBe((await stat(dataDir)).uid);
  expect((await stat(dataDir)).uid).not.toBe(0);
});

test.runIf(isRoot)("tells a user whose data these are that cannot be opened", { timeout }, async () => {
  await chmod(folder, 0o755);
  const first = await startCopy();
  await first.stop();
  await expect(runLauncher(ordinaryUser)).rejects.toThrow(/belongs to user id \d+, and you are 1 /);
});

test.runIf(isRoot)("as root, leaves an ordinary user's data to that user", { timeout }, async () => {
  await chmod(folder, 0o755);
  await copyTemplate();
  execFileSync("chown", ["-R", `${ordinaryUser}:${ordinaryUser}`, path.dirname(dataDir)]);
  const first = await start();
  await first.stop();
  const usersOwn = await runLauncher(ordinaryUser);
  expect(usersOwn.url).toBe(first.url);
  await killed(usersOwn.kill);
});

function spawnLauncher(user?: number) {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL("./embedded-postgres.ts", import.meta.url).href)};
    const options = { dataDir: ${JSON.stringify(dataDir)}, database: "user_service" };
    const server = await startEmbeddedPostgres(options).catch((error) => { console.error(error.message); process.exit(1); });
    console.log(server.url);`;
  return spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "pipe"],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
}

/** Runs the server in a process of its own, which can be killed. */
async function runLauncher(user?: number): Promise<{ url: string; kill: () => void }> {
  const launcher = spawnLauncher(user);
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

async function killed(kill: () => void): Promise<void> {
  const launchers = processesWith("--input-type=module").filter(({ args }) => args.includes(dataDir));
  kill();
  await eventually("the launcher is gone", () =>
    launchers.every(({ pid }) => !processesWith(dataDir).some((process) => process.pid === pid)),
  );
}
