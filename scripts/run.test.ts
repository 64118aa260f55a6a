import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, processesWith } from "./dev/processes-for-tests.ts";

const launcherFile = fileURLToPath(new URL("./run.ts", import.meta.url));
const timeout = 60_000;

// Says what happens to it, drains for a moment, and takes a second signal for "at once", as services do.
const service = `
import { createServer } from "node:http";
const say = (text: string) => console.log("service: " + text);
const { ADMIN_PORT, APP_ENV, DATABASE_URL, DRAIN_MS = "100", EXIT_CODE } = process.env;
let terms = 0;
process.on("SIGINT", () => say("SIGINT"));
process.on("SIGTERM", () => {
  say("SIGTERM " + ++terms);
  setTimeout(() => process.exit(0), Number(DRAIN_MS));
});
const started = () => say([...process.argv.slice(2), APP_ENV, DATABASE_URL].join(" "));
createServer((request, response) => {
  response.writeHead(request.url === "/readyz" ? 200 : 404).end();
}).listen(Number(ADMIN_PORT), started);
if (EXIT_CODE) setTimeout(() => process.exit(Number(EXIT_CODE)), 100);
`;

let root: string;
let launchers: ChildProcess[];
let ports: { PORT: string; ADMIN_PORT: string };

beforeEach(async () => {
  launchers = [];
  root = await mkdtemp(path.join(tmpdir(), "run-"));
  await write("cmd/stand-in/main.ts", service);
  await write("cmd/stand-in/try.txt", "call {port}, look at {adminPort}, ask {databaseUrl}\n");
  const servers = [await listen(), await listen()];
  const [port, adminPort] = servers.map((server) => String(portOf(server)));
  await Promise.all(servers.map((server) => server.close()));
  ports = { PORT: port ?? "", ADMIN_PORT: adminPort ?? "" };
});

afterEach(async () => {
  for (const launcher of launchers) launcher.kill("SIGKILL"); // alive after a failure only
  await eventually("no process is left", () => processesWith(root).length === 0);
  await rm(root, { recursive: true });
});

test("runs the service, says what to try, and drains it on SIGTERM", { timeout }, async () => {
  const run = launch();
  await run.says(`call ${ports.PORT}, look at ${ports.ADMIN_PORT}, ask "$DATABASE_URL"`);
  expect(run.output()).toContain("service: serve development postgresql://elsewhere");
  run.kill("SIGTERM");
  expect(await run.exitCode).toBe(0);
  expect(run.output().match(/service: SIG.*/g)).toEqual(["service: SIGTERM 1"]);
});

test("leaves APP_ENV as it is set, and the service's log alone on stdout", { timeout }, async () => {
  const run = launch([], { APP_ENV: "staging" });
  await run.says("ready in");
  run.kill("SIGTERM");
  await run.exitCode;
  expect(run.stdout().trim().split("\n")).toEqual([
    "service: serve staging postgresql://elsewhere",
    "service: SIGTERM 1",
  ]);
});

test.for(["SIGINT", "SIGHUP"] as const)(
  "a terminal's %s reaches the service as one SIGTERM",
  { timeout },
  async (signal) => {
    const run = launch();
    await run.says("ready in");
    run.killGroup(signal);
    run.kill(signal); // passed on by a wrapper
    expect(await run.exitCode).toBe(0);
    expect(run.output().match(/service: SIG.*/g)).toEqual(["service: SIGTERM 1"]);
  },
);

test("kills a service that still drains at the second Ctrl-C", { timeout }, async () => {
  const run = launch([], { DRAIN_MS: "60000" });
  await run.says("ready in");
  run.killGroup("SIGINT");
  await run.says("SIGTERM 1");
  await eventually("the second Ctrl-C is told from the first", () => {
    run.kill("SIGINT");
    return run.hasExited();
  });
  expect(await run.exitCode).toBe(130);
});

test("ends with the exit code of a service that ends by itself", { timeout }, async () => {
  const run = launch([], { EXIT_CODE: "3" });
  expect(await run.exitCode).toBe(3);
  expect(run.output()).toContain("stand-in has ended (exit code 3)");
});

test("leaves no process when it is killed", { timeout }, async () => {
  const run = launch();
  await run.says("ready in");
  run.kill("SIGKILL");
  await run.exitCode;
});

test("names the port that another program has", { timeout }, async () => {
  const other = await listen();
  const run = launch([], { ADMIN_PORT: String(portOf(other)) });
  expect(await run.exitCode).toBe(71);
  expect(run.output()).toContain(`port ${portOf(other)} is in use`);
  expect(run.output()).toContain("ADMIN_PORT");
  other.close();
});

test.each(["PORT", "ADMIN_PORT"])("refuses %s=0, which leaves nobody a port to call", { timeout }, async (variable) => {
  const run = launch([], { [variable]: "0" });
  expect(await run.exitCode).toBe(64);
  expect(run.output()).toContain(`${variable}=0`);
  expect(run.output()).not.toContain("service:");
});

test("leaves a malformed port for the service to complain about", { timeout }, async () => {
  await write("cmd/stand-in/main.ts", `console.log("service: no port: " + process.env.PORT); process.exit(78);`);
  const run = launch([], { PORT: "80abc" });
  expect(await run.exitCode).toBe(78);
  expect(run.output()).toContain("service: no port: 80abc");
});

test.each([[[]], [["no-such-service"]]])(
  "says which services there are when called with %j",
  { timeout },
  async (args) => {
    const run = launch(args, {}, true);
    expect(await run.exitCode).toBe(64);
    expect(run.output()).toContain("services in cmd/: stand-in");
  },
);

test("brings a database, which ends after the service, and never without it", { timeout }, async () => {
  const first = launch([], { DATABASE_URL: "" });
  await first.says("ready in");
  const url = first
    .output()
    .match(/service: serve development (postgresql:\/\/postgres:\S+@127\.0\.0\.1:\d+\/stand_in)\n/)?.[1];
  expect(url).toBeDefined();
  first.killGroup("SIGINT");
  expect(await first.exitCode).toBe(0);
  await eventually("no process is left", () => processesWith(root).length === 0);

  const second = launch([], { DATABASE_URL: "" });
  await second.says("ready in");
  expect(second.output()).toContain(url);
  const lock = await readFile(path.join(root, ".data/stand-in/cluster/postmaster.pid"), "utf8");
  process.kill(Number.parseInt(lock, 10), "SIGKILL");
  expect(await second.exitCode).toBe(69);
  expect(second.output()).toMatch(/PostgreSQL has ended.*\n.*database system is ready to accept connections/s);
  expect(second.output()).toContain("service: SIGTERM 1");

  const third = launch([], { DATABASE_URL: "" });
  await third.says("ready in");
  third.kill("SIGKILL");
  await third.exitCode;
  await eventually("no process is left", () => processesWith(root).length === 0);
});

test("gives up in order while the database is being created", { timeout }, async () => {
  const run = launch([], { DATABASE_URL: "" });
  await run.says("creating PostgreSQL's data folder");
  run.killGroup("SIGINT");
  expect(await run.exitCode).toBe(0);
  expect(run.output()).not.toContain("service:");
});

test("watching, restarts the service after a change, and shows what to try once", { timeout }, async () => {
  const run = launch(["--watch"]);
  await run.says("ready in");
  await write("cmd/stand-in/main.ts", service.replaceAll("service: ", "changed: "));
  await run.says("cmd/stand-in/main.ts has changed: restarting stand-in");
  await run.says("changed: serve");
  await run.says("ready in", 2);
  run.kill("SIGINT");
  expect(await run.exitCode).toBe(0);
  expect(run.output().match(/call \d+/g)).toHaveLength(1);
  expect(run.output()).toContain("service: SIGTERM 1");
  expect(run.output()).toContain("changed: SIGTERM 1");
});

test("watching, survives a service that does not start, until a change mends it", { timeout }, async () => {
  const run = launch(["--watch"]);
  await run.says("ready in");
  await write("cmd/stand-in/main.ts", "const broken = ;");
  await run.says("waiting for a change");
  expect(run.output()).toContain("SyntaxError");
  await write("cmd/stand-in/main.ts", service);
  await run.says("ready in", 2);
  run.kill("SIGINT");
  expect(await run.exitCode).toBe(0);
});

test("watching, kills a service that does not end in time", { timeout }, async () => {
  await write("configs/stand-in/development.json", "0");
  const run = launch(["--watch"], { DRAIN_MS: "60000" });
  await run.says("ready in");
  await write("configs/stand-in/development.json", "{}");
  await run.says("ready in", 2);
  run.kill("SIGINT");
  await run.says("SIGTERM 1", 2);
  await eventually("the second Ctrl-C is told from the first", () => {
    run.kill("SIGINT");
    return run.hasExited();
  });
  expect(await run.exitCode).toBe(130);
});

test("watching, generates code from a changed contract, and restarts once for both", { timeout }, async () => {
  await write("pkg/api/user_pb.ts", "0");
  await write("api/proto/user.proto", "0");
  await write("internal/app/stand-in/prisma/schema.prisma", "");
  const buf = `#!/bin/sh
    grep -q broken api/proto/user.proto && { echo "user.proto:1:1: syntax error" >&2; exit 100; }
    rm -rf pkg/api; mkdir pkg/api; cp api/proto/user.proto pkg/api/user_pb.ts`;
  await write("node_modules/.bin/buf", buf);
  await chmod(path.join(root, "node_modules/.bin/buf"), 0o755);
  const run = launch(["--watch"]);
  await run.says("ready in");
  await write("api/proto/user.proto", "1");
  await run.says("generated pkg/api in");
  await run.says("ready in", 2);

  await write("api/proto/user.proto", "broken");
  await run.says("user.proto:1:1: syntax error");
  await write("internal/app/stand-in/prisma/schema.prisma", "model User {}");
  await run.says("make migration NAME=");
  run.kill("SIGINT");
  expect(await run.exitCode).toBe(0);
  expect(run.output().match(/ready in/g)).toHaveLength(2);
  expect(run.output().match(/service: SIGTERM/g)).toHaveLength(2);
});

async function write(file: string, content: string): Promise<void> {
  await mkdir(path.dirname(path.join(root, file)), { recursive: true });
  await writeFile(path.join(root, file), content);
}

async function listen(): Promise<Server> {
  const server = createServer().listen(0);
  await once(server, "listening");
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

/** Starts the launcher as a terminal does: in a process group of its own. */
function launch(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}, argsOnly = false) {
  const child = spawn(process.execPath, [launcherFile, ...(argsOnly ? [] : ["stand-in"]), ...args], {
    cwd: root,
    detached: true,
    env: { ...process.env, APP_ENV: undefined, DATABASE_URL: "postgresql://elsewhere", ...ports, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  launchers.push(child);
  let stdout = "";
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    stdout += chunk;
    output += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    output += chunk;
  });
  const exitCode = once(child, "close").then(([code]) => code as number | null);
  return {
    exitCode,
    hasExited: () => child.exitCode !== null,
    stdout: () => stdout,
    output: () => output,
    says: (text: string, times = 1) =>
      eventually(
        () => `it says "${text}" ${times} times: ${output}`,
        () => output.split(text).length > times,
      ),
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    killGroup: (signal: NodeJS.Signals) => process.kill(-(child.pid ?? Number.NaN), signal),
  };
}
