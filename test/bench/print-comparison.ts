import type { Row } from "./rows/row.ts";
import type { ServerName } from "./servers/servers.ts";
import { ratioText, type Spread, spreadOf } from "./statistics.ts";

/** What one server did in one round. */
export interface Measurement {
  readonly calls: number;
  readonly callsPerSecond: number;
  /** The server's CPU time, user and system. */
  readonly cpuMicrosPerCall: number;
  /** The share of the time in which the server had its core: 1 is all of it. */
  readonly coreShare: number;
  /** The same of the load. */
  readonly loadShare: number;
}

/** A server below this waited for its load, or for somebody else's process: its calls/s say nothing. */
const SATURATED = 0.9;

/**
 * Prints what every server did, and for every peer two lines `<what> <row> <peer> <median> <min> <max>`. They compare rounds
 * one by one; above 1, ours is faster. `ratio`, the row's figure: calls per second of the server's CPU time. `wall`: calls per
 * second of the clock, the same on a quiet machine with saturated servers.
 */
export function printComparison(row: Row, measurements: ReadonlyMap<ServerName, readonly Measurement[]>): void {
  print("");
  print(row.name);
  print(`  ${"median (min–max)".padEnd(18)} ${"calls/s".padStart(24)} ${"CPU µs a call".padStart(24)}   core   load's`);
  for (const [name, rounds] of measurements) printServer(name, rounds);
  const ours = measurements.get(row.ours) ?? [];
  for (const peer of row.peers) {
    const theirs = measurements.get(peer) ?? [];
    printRatio(`wall  ${row.name} ${peer}`, ours, theirs, ({ callsPerSecond }) => callsPerSecond);
    printRatio(`ratio ${row.name} ${peer}`, ours, theirs, ({ cpuMicrosPerCall }) => 1 / cpuMicrosPerCall);
  }
}

function printServer(name: ServerName, rounds: readonly Measurement[]): void {
  const spread = (value: (measurement: Measurement) => number) => spreadOf(rounds.map(value));
  const core = spread(({ coreShare }) => coreShare);
  const columns = [
    name.padEnd(18),
    spreadText(
      spread(({ callsPerSecond }) => callsPerSecond),
      0,
    ),
    spreadText(
      spread(({ cpuMicrosPerCall }) => cpuMicrosPerCall),
      1,
    ),
    percentText(core.median),
    percentText(spread(({ loadShare }) => loadShare).median),
  ];
  const note =
    core.min < SATURATED ? `  not saturated, down to ${percentText(core.min).trim()}: calls/s say nothing` : "";
  print(`  ${columns.join(" ")}${note}`);
}

function printRatio(
  label: string,
  ours: readonly Measurement[],
  theirs: readonly Measurement[],
  speed: (measurement: Measurement) => number,
): void {
  const ratios = ours.flatMap((measurement, round) => {
    const other = theirs[round];
    return other ? [speed(measurement) / speed(other)] : [];
  });
  print(`${label} ${ratioText(spreadOf(ratios), 2)}`);
}

function spreadText({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`.padStart(24);
}

function percentText(share: number): string {
  return `${(100 * share).toFixed(0)} %`.padStart(6);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
