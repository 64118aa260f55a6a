import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { clientKind } from "../echo-clients.ts";
import { startBystander } from "./bystander.ts";
import { type EchoProcess, type Limits, startEchoProcess } from "./echo-process.ts";
import { createTarget, type Target } from "./target.ts";

/** One way to hurt a server, and what it may cost. */
export interface Abuse {
  readonly name: string;
  /** What the server is given besides its defaults. */
  readonly limits?: Limits;
  /** How much resident memory may grow at its peak, in MB. */
  readonly growthMb: number;
  /** Calls in flight are at their limit: the bystander is refused at once, in place of being served. */
  readonly refusesOthers?: true;
  /** Resolves when the attack is over and rejects when the server answered it otherwise than it should. */
  attack(target: Target): Promise<unknown>;
}

/**
 * What memory grows by under any load on one thread, in MB: garbage that V8 has not collected (its young generation
 * holds up to 3 × 8 MB here), code that it compiles, and the chunks of 64 kB that Node reads into.
 */
export const GARBAGE_MB = 120;

const SERVED_WITHIN_MS = 2_000;
const LETS_GO_WITHIN_MS = 10_000;
const BYSTANDERS = 1;
const MB = 1_000_000;

/** Plays each attack against a server of its own. `group` is the section of known-failing.txt. */
export function withstand(group: string, rows: readonly Abuse[]): void {
  const knownFailing = readKnownFailing(group);
  for (const row of rows) {
    const reason = knownFailing.get(row.name);
    const withstands = async () => expect(await playUpToTwice(row)).toEqual([]);
    if (reason === undefined) test(row.name, withstands);
    else test.fails(`${row.name} (known to fail: ${reason})`, withstands);
  }
  test("what is known to fail is in the table", () => {
    expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining([...knownFailing.keys()]));
  });
}

/** What a machine that is busy with something else does to any server. */
const OF_BUSY_MACHINE =
  /^another client's call took|not done within|^memory grew|^a new client afterwards: .*deadline_exceeded/;

/** A row that only took too long, or too much before garbage was collected, is played once more: what the server does, it does again. */
async function playUpToTwice(row: Abuse): Promise<string[]> {
  const problems = await play(row);
  if (problems.length === 0 || !problems.every((problem) => OF_BUSY_MACHINE.test(problem))) return problems;
  process.stderr.write(`${row.name}: ${problems.join("; ")}: once more\n`);
  return play(row);
}

/** All that is wrong, so that one run tells everything. */
async function play(row: Abuse): Promise<string[]> {
  const server = await startEchoProcess(row.limits);
  const baseUrl = `http://127.0.0.1:${server.port}`;
  const bystander = startBystander(baseUrl);
  await bystander.served(10);
  const startBytes = server.startPeak();
  const target = createTarget(server);
  const problems: string[] = [];

  await row.attack(target).catch((error) => problems.push(`the attack: ${error}`));
  target.cut();
  await expect
    .poll(server.connections, { timeout: LETS_GO_WITHIN_MS })
    .toBeLessThanOrEqual(BYSTANDERS)
    .catch(() => problems.push(`${server.connections()} connections are open after the attackers have left`));
  await clientKind("connect over HTTP/1.1")
    .connect(baseUrl)
    .unary("still there", undefined, { timeoutMs: SERVED_WITHIN_MS })
    .catch((error) => problems.push(`a new client afterwards: ${error}`));

  const { slowestMs, failures } = await bystander.stop();
  if (slowestMs > SERVED_WITHIN_MS) problems.push(`another client's call took ${Math.round(slowestMs)} ms`);
  if (!row.refusesOthers) problems.push(...new Set(failures.map((failure) => `another client's call: ${failure}`)));
  if (server.ended() !== undefined) return [...problems, ...lastWords(server)];
  const growthMb = Math.round((server.peakBytes() - startBytes) / MB);
  if (growthMb > row.growthMb) problems.push(`memory grew by ${growthMb} MB, ${row.growthMb} MB are allowed`);
  if (process.env.ABUSE_FIGURES) process.stderr.write(`${row.name}: ${growthMb} MB, ${Math.round(slowestMs)} ms\n`);
  return [...problems, ...lastWords(server)];
}

function lastWords(server: EchoProcess): string[] {
  const ended = server.ended();
  return [
    ...(ended === undefined ? [] : [`the process ended: ${ended}`]),
    ...(server.stderr() === "" ? [] : [`standard error: ${server.stderr().slice(0, 2_000)}`]),
  ];
}

/** Lines `group: row: reason`. A row that no longer fails makes the suite fail, until its line is gone. */
function readKnownFailing(group: string): Map<string, string> {
  const lines = readFileSync(join(import.meta.dirname, "known-failing.txt"), "utf8").split("\n");
  return new Map(
    lines
      .map((line) => line.split(": "))
      .filter(([lineGroup]) => lineGroup === group)
      .map(([, name = "", ...reason]) => [name, reason.join(": ")]),
  );
}
