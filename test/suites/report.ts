import { readFileSync } from "node:fs";

/** What a run of a suite came to. */
export interface SuiteResult {
  passed: number;
  failed: number;
  skipped: number;
  /** From the start of its first file to the end of its last, in seconds. */
  seconds: number;
}

export type SuiteResults = Record<string, SuiteResult>;

/** Where a test run leaves its results. */
export const REPORT_FILE = ".cache/suites.json";

interface SuitePlan {
  readonly budgetSeconds: number;
  /** Whether a run may leave it out: it belongs to `make ci-full` alone. */
  readonly optional?: true;
}

/** The suites, and how long each may take: one that must run and silently ran nothing is a failure. */
export function plannedSuites(): Record<string, SuitePlan> {
  return JSON.parse(readFileSync(new URL("./suites.json", import.meta.url), "utf8"));
}

/** What is wrong with the results; empty when nothing is. */
export function problemsWith(results: SuiteResults, planned = plannedSuites()): string[] {
  return Object.entries(planned).flatMap(([suite, { budgetSeconds, optional = false }]) => {
    const result = results[suite];
    if (optional && !result) return [];
    if (!result || result.passed + result.failed === 0) return [`suite ${suite} ran no test`];
    if (result.seconds <= budgetSeconds) return [];
    return [`suite ${suite} took ${result.seconds.toFixed(0)} s, over its budget of ${budgetSeconds} s`];
  });
}
