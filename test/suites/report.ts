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

/** The suites that must run, and how long each may take: a suite that silently ran nothing is a failure. */
export function requiredSuites(): Record<string, { budgetSeconds: number }> {
  return JSON.parse(readFileSync(new URL("./suites.json", import.meta.url), "utf8"));
}

/** What is wrong with the results; empty when nothing is. */
export function problemsWith(results: SuiteResults, required = requiredSuites()): string[] {
  return Object.entries(required).flatMap(([suite, { budgetSeconds }]) => {
    const result = results[suite];
    if (!result || result.passed + result.failed === 0) return [`suite ${suite} ran no test`];
    if (result.seconds <= budgetSeconds) return [];
    return [`suite ${suite} took ${result.seconds.toFixed(0)} s, over its budget of ${budgetSeconds} s`];
  });
}
