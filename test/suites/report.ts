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
  /** The make target without which it need not run; without one it must run always. */
  readonly target?: string;
}

/** The suites, and how long each may take: one that must run and silently ran nothing is a failure. */
export function plannedSuites(): Record<string, SuitePlan> {
  return JSON.parse(readFileSync(new URL("./suites.json", import.meta.url), "utf8"));
}

/** What is wrong with the results of these make targets; empty when nothing is. */
export function problemsWith(results: SuiteResults, targets: readonly string[]): string[] {
  return Object.entries(plannedSuites()).flatMap(([suite, { budgetSeconds, target }]) => {
    const result = results[suite];
    if (!result && target !== undefined && !targets.includes(target)) return [];
    if (!result || result.passed + result.failed === 0) return [`suite ${suite} ran no test`];
    if (result.seconds <= budgetSeconds) return [];
    return [`suite ${suite} took ${result.seconds.toFixed(0)} s, over its budget of ${budgetSeconds} s`];
  });
}
