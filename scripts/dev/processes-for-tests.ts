import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The command lines of the processes whose arguments contain a text, each after its process id. */
export function processesWith(text: string): { pid: number; args: string }[] {
  return allProcesses().filter(({ pid, args }) => pid !== process.pid && args.includes(text));
}

/** Waits until a condition holds; fails after half a minute with what it was. */
export async function eventually(what: string | (() => string), condition: () => boolean | Promise<boolean>) {
  const timeoutMs = 30_000;
  for (const started = Date.now(); !(await condition()); await sleep(20)) {
    if (Date.now() - started > timeoutMs) {
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === "string" ? what : what()}`);
    }
  }
}

function allProcesses(): { pid: number; args: string }[] {
  if (process.platform !== "linux") {
    const lines = execFileSync("ps", ["-axww", "-o", "pid=,args="], { encoding: "utf8" }).split("\n");
    return lines.map((line) => ({ pid: Number.parseInt(line, 10), args: line }));
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), args: readArgs(name) }));
}

function readArgs(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
