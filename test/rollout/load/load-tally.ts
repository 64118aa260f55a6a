import type { LoadReport } from "./load-plan.ts";
import type { Load } from "./start-load.ts";

export interface LoadTotals {
  readonly made: number;
  readonly failed: number;
  /** Users that were created for sure, and at most: a creation that failed may have been done. */
  readonly createdAtLeast: number;
  readonly createdAtMost: number;
}

/** Adds up what became of the calls in every scenario, and prints it. */
export class LoadTally {
  #totals: LoadTotals = { made: 0, failed: 0, createdAtLeast: 0, createdAtMost: 0 };

  get totals(): LoadTotals {
    return this.#totals;
  }

  /** Ends a load and counts it. */
  async count(scenario: string, load: Load): Promise<LoadReport> {
    const report = await load.stop();
    const parts: string[] = [];
    for (const { client, made, failures, created, createsFailed } of report.clients) {
      parts.push(`${client} ${made} calls, ${failures.length} failed`);
      this.#totals = {
        made: this.#totals.made + made,
        failed: this.#totals.failed + failures.length,
        createdAtLeast: this.#totals.createdAtLeast + created,
        createdAtMost: this.#totals.createdAtMost + created + createsFailed,
      };
    }
    process.stderr.write(`${scenario}: ${parts.join("; ")}\n`);
    return report;
  }
}

/** All failures, in the order of time, for people to read when there should be none. */
export function failuresOf({ clients }: LoadReport): string[] {
  return clients
    .flatMap(({ client, failures }) =>
      failures.map(({ atMs, message }) => `${new Date(atMs).toISOString()} ${client}: ${message}`),
    )
    .sort();
}
