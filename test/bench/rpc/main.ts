// [ROW=name,…] [ROUNDS=5] [PROFILE=1|server] node test/bench/rpc/main.ts
//
// The speed of pkg/rpc-server against its peers, as its users run it: with interceptors, observers and limits. The server has
// one core, the load another; each server is warmed up, then all servers of a row are measured in turn, ROUNDS times, in
// rotated order. Every answer is checked. How to read it: docs/performance.md.
import { cpus } from "node:os";
import { compareIdleConnections } from "./compare-idle-connections.ts";
import { compareSpeed } from "./compare-speed.ts";
import { printProfile } from "./print-profile.ts";
import { FULL_RUN, ROWS, type Row } from "./rows.ts";
import { canPin, pinLoad } from "./servers/server-process.ts";
import type { ServerName } from "./servers/servers.ts";

const IDLE_CONNECTIONS = "idle-connections";
const FEWEST_ROUNDS = 5;

// From make, a variable that was not given is the empty string.
const { ROW = "", ROUNDS = "", PROFILE = "" } = process.env;

const rounds = ROUNDS === "" ? FEWEST_ROUNDS : Number(ROUNDS);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`ROUNDS is a number of rounds, not ${ROUNDS}`);

const known = [...ROWS.map(({ name }) => name), IDLE_CONNECTIONS];
const names = ROW === "" ? [...FULL_RUN.map(({ name }) => name), IDLE_CONNECTIONS] : ROW.split(",");
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`no row ${unknown.join(", ")}; the rows are ${known.join(", ")}`);

pinLoad();
process.stdout.write(`${cpus()[0]?.model.trim()}, Node ${process.versions.node}, ${rounds} rounds\n`);
if (!canPin) process.stdout.write("No taskset or no second core: nothing is pinned, and the figures mean little.\n");
if (rounds < FEWEST_ROUNDS)
  process.stdout.write(`Fewer rounds than ${FEWEST_ROUNDS}: enough to try it, not to judge.\n`);

for (const name of names) {
  const row = ROWS.find((each) => each.name === name);
  if (!row) await compareIdleConnections(rounds);
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
