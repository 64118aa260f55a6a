import { grpcCall } from "./load/calls.ts";
import { openHttp2 } from "./load/http2-load.ts";
import type { LoadConnection } from "./load/load-connection.ts";
import { startServer } from "./servers/server-process.ts";
import type { ServerName } from "./servers/servers.ts";
import { ratioText, spreadOf } from "./statistics.ts";

const ROW = "idle-connections";
const OURS: ServerName = "ours-chain";
const RAW: ServerName = "raw";
const CONNECTIONS = 2_000;

/** As many connections at once as a listening socket's queue surely holds. */
const OPENED_AT_ONCE = 50;

/** Opened before the first measurement: what the first connections load and compile stays. */
const WARM_UP_CONNECTIONS = 50;

/**
 * Prints the resident memory of an idle HTTP/2 connection: one that has made one call, and makes no other. Each round has
 * servers of its own, since a process gives no memory back that it has once taken.
 */
export async function compareIdleConnections(rounds: number): Promise<void> {
  const ours: number[] = [];
  const raw: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const inTurn = [() => measure(OURS, ours), () => measure(RAW, raw)];
    for (const measureNext of round % 2 === 0 ? inTurn : inTurn.reverse()) await measureNext();
  }
  process.stdout.write(`\n${ROW}: kB of resident memory each, ${CONNECTIONS} connections\n`);
  for (const [name, values] of [[OURS, ours] as const, [RAW, raw] as const]) {
    process.stdout.write(`  ${name.padEnd(18)} ${ratioText(spreadOf(values), 1)}\n`);
  }
  const differences = spreadOf(ours.map((value, round) => value - (raw[round] ?? Number.NaN)));
  process.stdout.write(`difference ${ROW} ${RAW} ${ratioText(differences, 1)} kB\n`);
  const ratios = spreadOf(ours.map((value, round) => value / (raw[round] ?? Number.NaN)));
  process.stdout.write(`ratio ${ROW} ${RAW} ${ratioText(ratios, 2)}\n`);
}

async function measure(name: ServerName, results: number[]): Promise<void> {
  const server = await startServer(name, { nodeFlags: ["--expose-gc"] });
  const connections: LoadConnection[] = [];
  try {
    await openIdle(server.port, WARM_UP_CONNECTIONS, connections);
    const before = await server.ask("memory");
    await openIdle(server.port, CONNECTIONS, connections);
    results.push(((await server.ask("memory")) - before) / 1_000 / CONNECTIONS);
  } finally {
    for (const connection of connections) connection.close();
    await server.stop();
  }
}

/** Adds `count` connections to `connections`, each of which has made a call. */
async function openIdle(port: number, count: number, connections: LoadConnection[]): Promise<void> {
  const call = grpcCall("plain", false);
  const fault = Promise.withResolvers<never>();
  fault.promise.catch(() => {});
  const open = async () => {
    const connection = await openHttp2(port, call, fault.reject);
    connections.push(connection);
    connection.start(1);
    await connection.finish();
  };
  for (let opened = 0; opened < count; opened += OPENED_AT_ONCE) {
    await Promise.race([Promise.all(Array.from({ length: OPENED_AT_ONCE }, open)), fault.promise]);
  }
}
