import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadLine, LoadPlan, LoadReport } from "./load-plan.ts";

/** The load program at work. */
export interface Load {
  /** Resolves when this many more calls are answered. Rejects when that takes far too long. */
  answers(count: number): Promise<void>;
  /** Ends it. Resolves to what became of all calls. */
  stop(): Promise<LoadReport>;
  /** Ends it when a test has failed. */
  kill(): void;
}

/** How long some more answers may take, in ms. */
const PATIENCE_MS = 30_000;

/**
 * Starts the load program by a command to which the plan is added, and resolves once it makes calls. The program may run on
 * another machine: all that is needed is its standard input and output.
 */
export async function startLoad([program, ...args]: readonly [string, ...string[]], plan: LoadPlan): Promise<Load> {
  const child = spawn(program, [...args, JSON.stringify(plan)], { stdio: ["pipe", "pipe", "pipe"] });
  const errors = text(child.stderr);
  let answered = 0;
  let report: LoadReport | undefined;
  createInterface(child.stdout).on("line", (json) => {
    const line: LoadLine = JSON.parse(json);
    if ("report" in line) report = line.report;
    else answered = line.answered;
  });
  const ended = once(child, "close");

  async function answers(count: number): Promise<void> {
    const goal = answered + count;
    const end = Date.now() + PATIENCE_MS;
    while (answered < goal) {
      if (child.exitCode !== null) throw new Error(`the load ended with ${child.exitCode}: ${await errors}`);
      if (Date.now() > end) throw new Error(`fewer than ${count} calls were answered within ${PATIENCE_MS} ms`);
      await sleep(20);
    }
  }

  await answers(50);
  return {
    answers,
    async stop() {
      child.stdin.end();
      await ended;
      if (report === undefined) throw new Error(`the load has reported nothing: ${await errors}`);
      return report;
    },
    kill: () => void child.kill(),
  };
}
