import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { ConformanceCase } from "./cases.ts";
import type { ServerReport } from "./server.ts";

/** Connect's conformance suite; `make tools` installs it. */
const RUNNER = "connectconformance";

/** Few at once: the cases about deadlines measure time, and other suites may be running. */
const MAX_SERVERS = 2;
const CALLS_AT_ONCE = 8;

/** Far above what a run takes; the runner itself only gives up on single calls. */
const TIMEOUT_MS = 150_000;

export const KNOWN_FAILING = join(import.meta.dirname, "known-failing.txt");

export interface SuiteRun {
  readonly cases: readonly ConformanceCase[];
  /** Of every server process, one for each protocol, HTTP version and client. */
  readonly servers: readonly ServerReport[];
  readonly seconds: number;
}

/** Whether the suite's runner is installed. */
export async function isRunnerInstalled(): Promise<boolean> {
  const runner = spawn(RUNNER, ["--version"], { stdio: "ignore" });
  return once(runner, "close").then(
    () => true,
    () => false,
  );
}

/** Runs the suite against servers of `server.ts`. Throws when it did not run to its end, or its output is not understood. */
export async function runSuite(): Promise<SuiteRun> {
  const reports = await mkdtemp(join(tmpdir(), "conformance-"));
  try {
    const started = performance.now();
    const { output, complaints } = await play(reports);
    const seconds = (performance.now() - started) / 1000;
    const servers = await Promise.all((await readdir(reports)).map((file) => readReport(join(reports, file))));
    return { ...readOutput(output, complaints, servers), seconds };
  } finally {
    await rm(reports, { recursive: true });
  }
}

async function play(reports: string): Promise<{ output: string; complaints: string }> {
  const file = (name: string) => join(import.meta.dirname, name);
  const runner = spawn(
    RUNNER,
    [
      ...["--mode", "server", "--conf", file("suite.yaml"), "--known-failing", `@${KNOWN_FAILING}`, "--vv"],
      ...["--max-servers", String(MAX_SERVERS), "--parallel", String(CALLS_AT_ONCE)],
      ...["--", process.execPath, "--import", file("count-connect-es-calls.ts"), file("server.ts"), reports],
    ],
    { stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT_MS },
  );
  const [output, complaints] = await Promise.all([text(runner.stdout), text(runner.stderr), ended(runner)]);
  return { output, complaints };
}

/** Exits with 1 when cases fail, which the output says in detail. */
async function ended(runner: ChildProcess): Promise<void> {
  const [code, signal] = await once(runner, "close");
  if (signal) throw new Error(`${RUNNER} was ended by ${signal}; it has ${TIMEOUT_MS / 1000} s`);
  if (code > 1) throw new Error(`${RUNNER} ended with ${code}`);
}

async function readReport(file: string): Promise<ServerReport> {
  return JSON.parse(await readFile(file, "utf8"));
}

/** The names of all cases stand in the progress lines of `--vv`, what did not pass in the summary at the end. */
function readOutput(output: string, complaints: string, servers: readonly ServerReport[]) {
  const cases = new Map<string, ConformanceCase>();
  for (const [, name = ""] of output.matchAll(/^Sending request for "(.+)"\.\.\.$/gm)) {
    cases.set(name, { name, outcome: "passed", reason: "" });
  }
  for (const [, name = "", reason = ""] of output.matchAll(/^FAILED: (.+):\n((?:\t.*\n?)+)/gm)) {
    cases.set(name, { name, outcome: "failed", reason: reason.trim() });
  }
  for (const [, name = ""] of output.matchAll(/^FAILED: (.+) was expected to fail but did not$/gm)) {
    cases.set(name, {
      name,
      outcome: "failed",
      reason: "passes, and yet stands in known-failing.txt: strike it there",
    });
  }
  for (const [, name = "", reason = ""] of output.matchAll(/^INFO: (.+) failed \(as expected\):\n((?:\t.*\n?)+)/gm)) {
    cases.set(name, { name, outcome: "known", reason: reason.trim() });
  }

  const count = (outcome: ConformanceCase["outcome"]) =>
    [...cases.values()].filter((one) => one.outcome === outcome).length;
  const summary = `${count("passed")} passed, ${count("failed")} failed`;
  const [, planned, configurations] = output.match(/^Computed (\d+) test case .* across (\d+) server/m) ?? [];
  if (!output.includes(`\n${summary}\n`) || Number(planned) !== cases.size) {
    throw new Error(`${summary} of ${planned} planned, but ${RUNNER} says:\n${output.slice(-2_000)}\n${complaints}`);
  }
  if (Number(configurations) !== servers.length) {
    throw new Error(`${servers.length} of ${configurations} servers ended as they should\n${complaints}`);
  }
  return { cases: [...cases.values()], servers };
}
