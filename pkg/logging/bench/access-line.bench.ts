// node pkg/logging/bench/access-line.bench.ts [rounds]
//
// CPU time (user and system) of an access line, written to a file: ours, winston's own, a plain write. Each is measured in
// a process of its own, all in turn, so that a busy machine disturbs them alike. Compare by ratio.
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

const rounds = Number(process.argv[2] ?? 7);
const ways = ["ours", "winston, Console", "winston, Stream", "plain write", "nothing"];
const results = new Map(ways.map((way) => [way, [] as number[]]));
const folder = mkdtempSync(join(tmpdir(), "bench-log-"));

try {
  for (let round = 0; round < rounds; round += 1) for (const way of ways) results.get(way)?.push(measure(way));
} finally {
  rmSync(folder, { recursive: true });
}

process.stdout.write(`${cpus()[0]?.model.trim()}, Node ${process.versions.node}, ${rounds} rounds, 25 lines a turn\n`);
const [ours = Number.NaN] = [median(results.get("ours"))];
for (const [way, values] of results) {
  const each = median(values);
  const spread = `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
  process.stdout.write(
    `${way.padEnd(18)} ${each.toFixed(2).padStart(6)} µs a line (${spread}), ${(each / ours).toFixed(2)} of ours\n`,
  );
}

function measure(way: string): number {
  const output = openSync(join(folder, "lines"), "w");
  try {
    const fixture = join(import.meta.dirname, "access-line.fixture.ts");
    const { stderr } = spawnSync(process.execPath, [fixture, way], { stdio: ["ignore", output, "pipe"] });
    return Number(stderr);
  } finally {
    closeSync(output);
  }
}

function median(values: readonly number[] = []): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
