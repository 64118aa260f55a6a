import { setTimeout as sleep } from "node:timers/promises";
import type { ClientReport, Failure, LoadClient } from "./load-plan.ts";

/** The calls of a client of ours. They reject when they are not answered with OK. */
export interface UserCalls {
  /** Resolves to the new user's id. */
  createUser(email: string): Promise<string>;
  /** Resolves to the id of the user that was answered. */
  getUser(id: string): Promise<string>;
  close(): void;
}

export interface Pace {
  /** Of all workers together. */
  readonly callsPerSecond: number;
  /** How many calls may be under way at a time. */
  readonly workers: number;
}

/** Every worker creates a user, then reads it this many times. */
const READS_PER_USER = 3;

/** Creates users and reads them back, at a pace that does not depend on how quickly they are answered. */
export function startPacedCalls(client: string, run: string, calls: UserCalls, pace: Pace): LoadClient {
  const counts = { made: 0, answered: 0, created: 0, createsFailed: 0 };
  const failures: Failure[] = [];
  const stopping = new AbortController();
  const intervalMs = (1_000 * pace.workers) / pace.callsPerSecond;

  /** Makes a call once; whatever becomes of it is counted. */
  async function count<T>(call: Promise<T>): Promise<T | undefined> {
    counts.made += 1;
    try {
      const answer = await call;
      counts.answered += 1;
      return answer;
    } catch (error) {
      failures.push({ atMs: Date.now(), message: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }

  async function createUser(worker: number, turn: number): Promise<string | undefined> {
    const id = await count(calls.createUser(`${client}.${run}.${worker}.${turn}@example.com`));
    if (id === undefined) counts.createsFailed += 1;
    else counts.created += 1;
    return id;
  }

  async function readUser(id: string): Promise<void> {
    await count(
      calls.getUser(id).then((found) => {
        if (found !== id) throw new Error("answered with another user");
      }),
    );
  }

  async function work(worker: number): Promise<void> {
    let user: string | undefined;
    let due = performance.now() + (intervalMs * worker) / pace.workers;
    for (let turn = 0; !stopping.signal.aborted; turn += 1) {
      const waitMs = due - performance.now();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      // A worker that fell behind does not catch up: the pace is a limit.
      due = Math.max(due + intervalMs, performance.now());
      if (user === undefined || turn % (READS_PER_USER + 1) === 0) user = await createUser(worker, turn);
      else await readUser(user);
    }
  }

  const workers = Array.from({ length: pace.workers }, (_, worker) => work(worker));
  return {
    get answered() {
      return counts.answered;
    },
    async stop(): Promise<ClientReport> {
      stopping.abort();
      await Promise.all(workers);
      calls.close();
      return { client, ...counts, failures };
    },
  };
}
