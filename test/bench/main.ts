// [ROW=name,…] [ROUNDS=5] [PROFILE=1|server] node test/bench/main.ts rpc|rest
//
// The speed of pkg/rpc-server, or of pkg/rest-transcoder over it, against its peers, as its users run it: with interceptors,
// observers and limits. The server has one core, the load another; each server is warmed up, then all servers of a row are measured in turn, ROUNDS times, in
// rotated order. Every answer is checked. How to read it: docs/performance.md.
import { cpus } from "node:os";
import { compareIdleConnections } from "./compare-idle-connections.ts";
import { compareSpeed } from "./compare-speed.ts";
import { printProfile } from "./print-profile.ts";
import { compareMatches } from "./rest/compare-matches.ts";
import { REST_ROWS } from "./rest/rest-rows.ts";
import type { Row } from "./rows/row.ts";
import { FULL_RPC_RUN, RPC_ROWS } from "./rows/rpc-rows.ts";
import { canPin, pinLoad } from "./servers/server-process.ts";
import type { ServerName } from "./servers/servers.ts";

interface Suite {
  readonly rows: readonly Row[];
  /** Those that run when no row is named. */
  readonly fullRun: readonly Row[];
  /** A row that measures something else than calls, with a way of its own. */
  readonly other: { readonly name: string; compare(rounds: number): Promise<void> };
}

const SUITES: Readonly<Record<string, Suite>> = {
  rpc: {
    rows: RPC_ROWS,
    fullRun: FULL_RPC_RUN,
    other: { name: "idle-connections", compare: compareIdleConnections },
  },
  rest: { rows: REST_ROWS, fullRun: REST_ROWS, other: { name: "rest-match", compare: compareMatches } },
};
const FEWEST_ROUNDS = 5;

const suite = SUITES[process.argv[2] ?? ""];
if (!suite) throw new Error(`the first argument is one of ${Object.keys(SUITES).join(", ")}`);
const { rows, fullRun, other } = suite;

// From make, a variable that was not given is the empty string.
const { ROW = "", ROUNDS = "", PROFILE = "" } = process.env;

const rounds = ROUNDS === "" ? FEWEST_ROUNDS : Number(ROUNDS);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`ROUNDS is a number of rounds, not ${ROUNDS}`);

const known = [...rows, other].map(({ name }) => name);
const names = ROW === "" ? [...fullRun, other].map(({ name }) => name) : ROW.split(",");
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`no row ${unknown.join(", ")}; the rows are ${known.join(", ")}`);

pinLoad();
process.stdout.write(`${cpus()[0]?.model.trim()}, Node ${process.versions.node}, ${rounds} rounds\n`);
if (!canPin) process.stdout.write("No taskset or no second core: nothing is pinned, and the figures mean little.\n");
if (rounds < FEWEST_ROUNDS)
  process.stdout.write(`Fewer rounds than ${FEWEST_ROUNDS}: enough to try it, not to judge.\n`);

for (const name of names) {
  const row = rows.find((each) => each.name === name);
  if (!row) await other.compare(rounds);
  else if (PROFILE !== "") await printProfile(row, profiled(row));
  else await compareSpeed(row, rounds);
}

/** The server that PROFILE names; 1 is ours. */
function profiled({ name, ours, peers }: Row): ServerName {
  const servers = [ours, ...peers];
  const server = PROFILE === "1" ? ours : servers.find((each) => each === PROFILE);
  if (!server) throw new Error(`${name} has no server ${PROFILE}; PROFILE is 1 or one of ${servers.join(", ")}`);
  return server;
}
