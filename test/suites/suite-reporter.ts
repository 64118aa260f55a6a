import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Reporter, TestModule } from "vitest/node";
import { REPORT_FILE, type SuiteResults } from "./report.ts";

/** Counts and times the tests of each suite, a project or all as `suite`, and leaves the results in REPORT_FILE. */
export function createSuiteReporter(suite?: string): Reporter {
  const times = new Map<string, { first: number; last: number }>();
  const suiteOf = ({ project }: TestModule) => suite ?? project.name;

  return {
    onTestModuleStart(module) {
      const name = suiteOf(module);
      if (!times.has(name)) times.set(name, { first: Date.now(), last: Date.now() });
    },
    onTestModuleEnd(module) {
      const time = times.get(suiteOf(module));
      if (time) time.last = Date.now();
    },
    onTestRunEnd(modules, unhandledErrors) {
      const results: SuiteResults = {};
      for (const module of modules) count(module, suiteOf(module), results);
      if (unhandledErrors.length > 0) {
        results["between tests"] = { passed: 0, failed: unhandledErrors.length, skipped: 0, seconds: 0 };
      }
      for (const [suite, { first, last }] of times) {
        const result = results[suite];
        if (result) result.seconds = (last - first) / 1000;
      }
      mkdirSync(dirname(REPORT_FILE), { recursive: true });
      writeFileSync(REPORT_FILE, JSON.stringify({ ...earlierResults(), ...results }, null, 2));
    },
  };
}

/** Of other suites, which a run before this one has played. Whoever sums up removes the file first. */
function earlierResults(): SuiteResults {
  return existsSync(REPORT_FILE) ? JSON.parse(readFileSync(REPORT_FILE, "utf8")) : {};
}

function count(module: TestModule, suite: string, results: SuiteResults): void {
  const result = results[suite] ?? { passed: 0, failed: 0, skipped: 0, seconds: 0 };
  results[suite] = result;
  // A file that cannot be loaded, or a group whose set-up fails, has no tests to count, and is a failure all the same.
  result.failed += module.errors().length;
  for (const group of module.children.allSuites()) result.failed += group.errors().length;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === "passed" || state === "failed") result[state] += 1;
    else result.skipped += 1;
  }
}
