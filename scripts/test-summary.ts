// Prints what the tests of the make targets named came to, and fails when a suite that they require ran nothing or took too long.
import { existsSync, readFileSync } from "node:fs";
import { plannedSuites, problemsWith, REPORT_FILE, type SuiteResults } from "../test/suites/report.ts";

const results: SuiteResults = existsSync(REPORT_FILE) ? JSON.parse(readFileSync(REPORT_FILE, "utf8")) : {};

const planned = plannedSuites();
for (const [suite, { passed, failed, skipped, seconds }] of Object.entries(results)) {
  const budget = planned[suite] ? ` of ${planned[suite].budgetSeconds} s` : "";
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  console.log(`${suite.padEnd(16)} ${counts} in ${seconds.toFixed(0)} s${budget}`);
}
const problems = problemsWith(results, process.argv.slice(2));
for (const problem of problems) console.error(problem);

const suites = Object.values(results);
const passed = suites.reduce((sum, suite) => sum + suite.passed, 0);
const failed = suites.reduce((sum, suite) => sum + suite.failed, 0) + problems.length;
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
