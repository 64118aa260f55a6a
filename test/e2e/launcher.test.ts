import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isInstalled } from "./clients.ts";

const run = promisify(execFile);
const repository = join(import.meta.dirname, "../..");
/** How long a restart may take on a busy machine: it takes one second on a quiet one, three with code to generate. */
const PATIENCE_MS = 25_000;
const UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057";

// A copy, since the tests edit sources, and since somebody may be running `make run` in the original.
let root: string;
let port: number;
let adminPort: number;
let launcher: ChildProcess;
let output = "";

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "launcher-"));
  const { stdout } = await run("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repository,
  });
  const folders = new Set(stdout.split("\0").map((file) => file.split("/")[0] ?? ""));
  for (const folder of folders) if (folder) await cp(join(repository, folder), join(root, folder), { recursive: true });
  await symlink(join(repository, "node_modules"), join(root, "node_modules"));
  [port, adminPort] = await Promise.all([freePort(), freePort()]);
  await start();
});

afterAll(async () => {
  if (launcher.exitCode === null) await stop();
  await rm(root, { recursive: true, force: true });
});

it("prints calls that work as printed", async () => {
  const printed = [...output.matchAll(/^ {4}(\S.*)$/gm)].map(([, line = ""]) => line);
  const calls = printed.filter((line) => /^(curl|npx|grpcurl) /.test(line));
  expect(calls.length).toBeGreaterThan(3);
  const hasGrpcurl = await isInstalled("grpcurl");
  for (const call of calls) {
    if (call.startsWith("grpcurl") && !hasGrpcurl && !process.env.CI) continue;
    const { stdout } = await run("bash", ["-c", call], { cwd: root });
    expect(stdout, call).toMatch(/ada@example\.com/);
  }
});

it("shows a changed source without another command", async () => {
  await edit("internal/app/user-service/model/errors.ts", "there is no user with id", "nobody has the id");
  await answers("GetUser", { id: UNKNOWN_ID }, /nobody has the id/);
});

it("shows a changed proto without another command, and keeps the database meanwhile", async () => {
  const invalid = { user: { email: "grace@example.com", displayName: "Grace" } };
  await edit("api/proto/user/v1/user.proto", "max_len = 100", "max_len = 3");
  await answers("CreateUser", invalid, /user\.display_name/);
  expect(await call("ListUsers", {})).toMatch(/ada@example\.com/);
});

it("stops all that it started at Ctrl-C, and finds its data again", async () => {
  expect(await stop()).toBe(0);
  await expect(fetch(`http://localhost:${port}`)).rejects.toThrow();
  await expect(readFile(join(root, ".data/user-service/cluster/postmaster.pid"))).rejects.toThrow("ENOENT");

  await start();
  expect(await call("ListUsers", {})).toMatch(/ada@example\.com/);
});

async function start(): Promise<void> {
  output = "";
  launcher = spawn(process.execPath, ["scripts/run.ts", "user-service", "--watch"], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: String(port), ADMIN_PORT: String(adminPort) },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group, as a terminal gives it one.
    detached: true,
  });
  const { stdout, stderr } = launcher;
  await new Promise<void>((resolve, reject) => {
    launcher.once("exit", () => reject(new Error(`the launcher ended:\n${output}`)));
    for (const stream of [stdout, stderr]) {
      stream?.on("data", (chunk) => {
        output += chunk;
        if (output.includes("Ctrl-C stops")) resolve();
      });
    }
  });
}

/** Ctrl-C: the terminal sends SIGINT to the whole group. Resolves to the exit code. */
async function stop(): Promise<number | null> {
  const exit = once(launcher, "exit");
  process.kill(-(launcher.pid ?? Number.NaN), "SIGINT");
  const [code] = await exit;
  return code;
}

/** Calls until the answer is the expected one. */
async function answers(method: string, request: object, expected: RegExp): Promise<void> {
  try {
    await expect.poll(() => call(method, request), { timeout: PATIENCE_MS }).toMatch(expected);
  } catch (error) {
    throw new Error(`${method} does not answer ${expected}. The launcher said:\n${output}`, { cause: error });
  }
}

async function call(method: string, request: object): Promise<string> {
  try {
    const response = await fetch(`http://localhost:${port}/user.v1.UserService/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(5_000),
    });
    return await response.text();
  } catch {
    return "no answer: restarting";
  }
}

async function edit(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(root, file), "utf8");
  expect(text).toContain(from);
  await writeFile(join(root, file), text.replace(from, to));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}
