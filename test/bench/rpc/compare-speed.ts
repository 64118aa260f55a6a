import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLoad } from "./load/load.ts";
import { type Measurement, printComparison } from "./print-comparison.ts";
import type { Row } from "./rows.ts";
import { type ServerProcess, startServer } from "./servers/server-process.ts";
import type { ServerName } from "./servers/servers.ts";

/** Long enough for V8 to have optimised what will be measured. */
const WARM_UP_MS = 2_000;

/** All measurements of a row of five rounds; each is at least MIN_MEASURE_MS. */
const ROW_MS = 30_000;
const MIN_MEASURE_MS = 1_000;

/** Measures all servers of `row` in turn, `rounds` times, and prints what came out. */
export async function compareSpeed(row: Row, rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bench-rpc-"));
  const servers: ServerProcess[] = [];
  try {
    const names = [row.ours, ...row.peers];
    for (const name of names) servers.push(await startWithLog(name, folder));
    const measureMs = Math.max(MIN_MEASURE_MS, ROW_MS / (5 * names.length));
    const measurements = new Map<ServerName, Measurement[]>(names.map((name) => [name, []]));
    const callsMade = new Map<ServerName, number>();
    const count = (server: ServerProcess, { calls }: Measurement) =>
      callsMade.set(server.name, (callsMade.get(server.name) ?? 0) + calls);

    for (const server of servers) count(server, await measure(row, server, WARM_UP_MS));
    for (let round = 0; round < rounds; round += 1) {
      // Nobody is always the first, or always after the same one.
      for (const [i] of servers.entries()) {
        const server = servers[(i + round) % servers.length];
        if (!server) continue;
        const measurement = await measure(row, server, measureMs);
        count(server, measurement);
        measurements.get(server.name)?.push(measurement);
      }
    }
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    if (row.ours === "ours-chain-log") checkLog(join(folder, row.ours), callsMade.get(row.ours) ?? 0);
    printComparison(row, measurements);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true });
  }
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
  const load = await openLoad(row.httpVersion, server.port, row.call);
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
function checkLog(file: string, calls: number): void {
  const log = readFileSync(file);
  let lines = 0;
  for (let at = log.indexOf(10); at >= 0; at = log.indexOf(10, at + 1)) lines += 1;
  if (lines !== calls) throw new Error(`${calls} calls have ${lines} lines in the access log`);
  const line: unknown = JSON.parse(log.subarray(0, log.indexOf(10)).toString());
  const { rpc, code } = line as { rpc?: unknown; code?: unknown };
  if (rpc !== "user.v1.UserService/GetUser" || code !== "OK")
    throw new Error(`not a call's line: ${JSON.stringify(line)}`);
}
