import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** The router is its library's own: so is this benchmark, which runs in a process of its own. */
const BENCHMARK = join(import.meta.dirname, "../../../pkg/rest-transcoder/bench/match.bench.ts");

/** Prints what a match costs among few and among many rules. */
export async function compareMatches(rounds: number): Promise<void> {
  execFileSync(process.execPath, [BENCHMARK, String(rounds)], { stdio: "inherit" });
}
