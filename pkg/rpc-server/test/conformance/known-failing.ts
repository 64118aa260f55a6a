import type { ConformanceCase } from "./cases.ts";
import { featuresOf } from "./cases.ts";

/** Above each pattern: `# server stream, half-duplex bidi: why they fail`. */
const COMMENT = /^# *((?:unary|server stream|client stream|half-duplex bidi|full-duplex bidi|, )+): *\S/;

/**
 * What is wrong with the list of cases that are known to fail: a pattern without the comment that names its stream
 * kinds and its reason, and a unary case that it covers. Empty when nothing is. (That its patterns match cases, and that
 * these fail, the suite's runner sees to.)
 */
export function findListFaults(list: string, cases: readonly ConformanceCase[]): string[] {
  const lines = list.split("\n").map((line) => line.trim());
  const unexplained = lines
    .filter((line, index) => line !== "" && !line.startsWith("#") && !COMMENT.test(lines[index - 1] ?? ""))
    .map((pattern) => `no comment with stream kind and reason above: ${pattern}`);
  const unary = cases
    .filter(({ name, outcome }) => outcome === "known" && featuresOf(name).kind === "unary")
    .map(({ name }) => `unary, and must pass: ${name}`);
  return [...unexplained, ...unary];
}
