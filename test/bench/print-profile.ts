import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { openLoad } from "./load/load.ts";
import type { Row } from "./rows/row.ts";
import { startServer } from "./servers/server-process.ts";
import type { ServerName } from "./servers/servers.ts";

const PROFILE_MS = 10_000;
const FUNCTIONS = 40;
/** Start, compilation and warm-up, which are left out. */
const WARM_UP_MS = 4_000;

/** What V8 writes. Source: Chrome DevTools Protocol, Profiler.Profile. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

/** Loads `name` with the row's calls under V8's profiler, and prints the functions that took most of the time themselves. */
export async function printProfile(row: Row, name: ServerName): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bench-profile-"));
  const server = await startServer(name, { nodeFlags: ["--cpu-prof", `--cpu-prof-dir=${folder}`] });
  let calls: number;
  try {
    const load = await openLoad(row.httpVersion, server.port, row.callTo(server.name));
    try {
      ({ calls } = await load.run(PROFILE_MS));
    } finally {
      load.close();
    }
  } finally {
    // The profile is written at exit.
    await server.stop();
  }
  const [file] = readdirSync(folder).map((entry) => join(folder, entry));
  if (!file) throw new Error(`no profile in ${folder}`);
  process.stdout.write(`\n${row.name}: ${name}, ${calls} calls; ${file} opens in DevTools\n`);
  printSelfTimes(JSON.parse(readFileSync(file, "utf8")) as CpuProfile);
}

function printSelfTimes({ nodes, samples, timeDeltas }: CpuProfile): void {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const micros = new Map<string, number>();
  let total = 0;
  let passed = 0;
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) ?? "?";
    const delta = timeDeltas[i] ?? 0;
    passed += delta;
    if (name === "(idle)" || passed < WARM_UP_MS * 1_000) continue;
    micros.set(name, (micros.get(name) ?? 0) + delta);
    total += delta;
  }
  const most = [...micros].sort(([, a], [, b]) => b - a).slice(0, FUNCTIONS);
  for (const [name, self] of most)
    process.stdout.write(`${((100 * self) / total).toFixed(1).padStart(5)} %  ${name}\n`);
}

function nameOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const path = url.startsWith("file:") ? relative(process.cwd(), fileURLToPath(url)) : url;
  return `${functionName || "(anonymous)"}${path && `  ${path}:${lineNumber + 1}`}`;
}
