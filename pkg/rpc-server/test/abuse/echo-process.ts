import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Limits of createRpcServer, by their names; what has no number cannot be given to a process. */
export type Limits = Readonly<Record<string, number>>;

/** Smaller than V8's own, so that garbage hides less of what is held. */
const YOUNG_GENERATION = "--max-semi-space-size=8";

/** An echo server in a process of its own, seen from outside. Linux only: it is looked at through /proc. */
export interface EchoProcess {
  readonly port: number;
  /** Resident memory now, in bytes; `peakBytes` starts anew. */
  startPeak(): number;
  /** The most resident memory since `startPeak`, in bytes. */
  peakBytes(): number;
  /** Connections that the process holds. */
  connections(): number;
  /** How the process ended; undefined while it runs. */
  ended(): string | undefined;
  /** What it has written to standard error. */
  stderr(): string;
}

/** Starts it on a free port of 127.0.0.1; it is killed when the test ends. */
export async function startEchoProcess(limits: Limits = {}): Promise<EchoProcess> {
  const fixture = join(import.meta.dirname, "echo-server.fixture.ts");
  const child = spawn(process.execPath, [YOUNG_GENERATION, fixture, JSON.stringify(limits)], {
    env: { PATH: process.env.PATH },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [port] = await Promise.race([once(child.stdout, "data"), once(child, "close")]);
  if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}\n${stderr}`);
  const proc = `/proc/${child.pid}`;
  const ownSockets = countSockets(proc);

  return {
    port: Number(port),
    startPeak() {
      // Resets VmHWM. Source: proc_pid_clear_refs(5).
      writeFileSync(`${proc}/clear_refs`, "5");
      return readStatus(proc, "VmRSS");
    },
    peakBytes: () => readStatus(proc, "VmHWM"),
    connections: () => countSockets(proc) - ownSockets,
    ended: () =>
      child.exitCode === null && child.signalCode === null ? undefined : `${child.signalCode ?? child.exitCode}`,
    stderr: () => stderr,
  };
}

/** A size of /proc/<pid>/status, in bytes. Source: proc_pid_status(5). */
function readStatus(proc: string, name: "VmRSS" | "VmHWM"): number {
  const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`${proc}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

function countSockets(proc: string): number {
  return readdirSync(`${proc}/fd`).filter((fd) => isSocket(`${proc}/fd/${fd}`)).length;
}

/** False for one that was closed meanwhile. */
function isSocket(fd: string): boolean {
  try {
    return readlinkSync(fd).startsWith("socket:");
  } catch {
    return false;
  }
}
