import { setTimeout as sleep } from "node:timers/promises";
import { clientKind } from "../echo-clients.ts";

const PAUSE_MS = 50;
/** Far above what is allowed, so that a late answer is told from none. */
const GIVE_UP_MS = 10_000;

/** A client that does nothing wrong, on a connection of its own. */
export interface Bystander {
  /** Resolves when that many more of its calls have been answered. */
  served(calls: number): Promise<void>;
  /** Ends it. Resolves with the time that its slowest call took, and with how calls failed. */
  stop(): Promise<{ slowestMs: number; failures: string[] }>;
}

/** Calls unary over gRPC every 50 ms until it is stopped. */
export function startBystander(baseUrl: string): Bystander {
  const client = clientKind("grpc over HTTP/2").connect(baseUrl);
  const failures: string[] = [];
  let slowestMs = 0;
  let stopped = false;
  let answered = Promise.withResolvers<void>();

  async function run(): Promise<void> {
    while (!stopped) {
      const startedMs = performance.now();
      await client.unary("alive", undefined, { timeoutMs: GIVE_UP_MS }).catch((error) => failures.push(String(error)));
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      answered.resolve();
      answered = Promise.withResolvers();
      await sleep(PAUSE_MS);
    }
  }
  const running = run();

  return {
    async served(calls) {
      for (let i = 0; i < calls; i++) await answered.promise;
    },
    async stop() {
      stopped = true;
      await running;
      return { slowestMs, failures };
    },
  };
}
