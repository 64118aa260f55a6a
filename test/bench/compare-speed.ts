import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Call } from "./load/calls.ts";
import { openLoad } from "./load/load.ts";
import { type Measurement, printComparison } from "./print-comparison.ts";
import type { Row } from "./rows/row.ts";
import { type ServerProcess, startServer } from "./servers/server-process.ts";
import type { ServerName } from "./servers/servers.ts";

/** Long enough for V8 to have optimised what will be measured. */
const WARM_UP_MS = 2_000;

/** All measurements of a row of five rounds; each is at least MIN_MEASURE_MS. */
const ROW_MS = 30_000;
const MIN_MEASURE_MS = 1_000;

/** Measures all servers of `row` in turn, `rounds` times, and prints what came out. */
export async function compareSpeed(row: Row, rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const servers: ServerProcess[] = [];
  const stopAll = () => Promise.all(servers.splice(0).map((server) => server.stop()));
  try {
    for (const name of [row.ours, ...row.peers]) servers.push(await startWithLog(name, folder));
    const { measurements, ourCalls } = await play(row, servers, rounds);
    // What a server holds back of its log, it writes at its end.
    await stopAll();
    if (row.ours === "ours-chain-log") checkLog(join(folder, row.ours), row.callTo(row.ours), ourCalls);
    printComparison(row, measurements);
  } finally {
    await stopAll();
    rmSync(folder, { recursive: true });
  }
}

/** Warms the servers up and measures them; `ourCalls` are all that ours has answered, warm-up included. */
async function play(row: Row, servers: readonly ServerProcess[], rounds: number) {
  const measureMs = Math.max(MIN_MEASURE_MS, ROW_MS / (5 * servers.length));
  const measurements = new Map<ServerName, Measurement[]>(servers.map(({ name }) => [name, []]));
  let ourCalls = 0;
  const measureNext = async (server: ServerProcess, durationMs: number) => {
    const measurement = await measure(row, server, durationMs);
    if (server.name === row.ours) ourCalls += measurement.calls;
    return measurement;
  };

  for (const server of servers) await measureNext(server, WARM_UP_MS);
  for (let round = 0; round < rounds; round += 1) {
    // Nobody is always the first, or always after the same one.
    const first = round % servers.length;
    for (const server of [...servers.slice(first), ...servers.slice(0, first)]) {
      measurements.get(server.name)?.push(await measureNext(server, measureMs));
    }
  }
  return { measurements, ourCalls };
}

async function startWithLog(name: ServerName, folder: string): Promise<ServerProcess> {
  const output = openSync(join(folder, name), "a");
  try {
    return await startServer(name, { output });
  } finally {
    closeSync(output);
  }
}

/** Loads a server for so long, on connections of its own. */
async function measure(row: Row, server: ServerProcess, durationMs: number): Promise<Measurement> {
  const load = await openLoad(row.httpVersion, server.port, row.callTo(server.name));
  try {
    const cpuBefore = await server.ask("cpu");
    const loadBefore = process.cpuUsage();
    const { calls, elapsedMs } = await load.run(durationMs);
    const { user, system } = process.cpuUsage(loadBefore);
    // Nothing is in flight: every call's cost is in it.
    const cpuMicros = (await server.ask("cpu")) - cpuBefore;
    return {
      calls,
      callsPerSecond: calls / (elapsedMs / 1_000),
      cpuMicrosPerCall: cpuMicros / calls,
      coreShare: cpuMicros / 1_000 / elapsedMs,
      loadShare: (user + system) / 1_000 / elapsedMs,
    };
  } catch (error) {
    throw new Error(`${row.name}, ${server.name}: ${(error as Error).message}`, { cause: error });
  } finally {
    load.close();
  }
}

/** An access log that loses lines is no access log. */
function checkLog(file: string, { path }: Call, calls: number): void {
  const log = readFileSync(file);
  let lines = 0;
  for (let at = log.indexOf(10); at >= 0; at = log.indexOf(10, at + 1)) lines += 1;
  if (lines !== calls) throw new Error(`${calls} calls have ${lines} lines in the access log`);
  const line: unknown = JSON.parse(log.subarray(0, log.indexOf(10)).toString());
  const { rpc, code } = line as { rpc?: unknown; code?: unknown };
  if (rpc !== path.slice(1) || code !== "OK") throw new Error(`not a call's line: ${JSON.stringify(line)}`);
}
