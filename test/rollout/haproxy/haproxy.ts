import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** A place for an instance behind the proxy. */
export interface Slot {
  readonly name: string;
  readonly port: number;
  readonly adminPort: number;
}

export interface SlotState {
  /** UP, DOWN, … */
  readonly status: string;
  /** Calls that were sent there since the proxy started. */
  readonly calls: number;
}

export interface HaproxyOptions {
  readonly slots: readonly Slot[];
  readonly grpcPort: number;
  readonly http1Port: number;
  /** Between two requests for /readyz; one failure is enough. */
  readonly checkIntervalMs: number;
  /**
   * Whether a call that could not even be sent, since an instance refuses connections, goes to another. It hides part of
   * what a rollout loses, so only the test that kills an instance has it, as production would.
   */
  readonly redispatch: boolean;
}

export interface Haproxy {
  stateOf(slot: Slot): Promise<SlotState>;
  stop(): Promise<void>;
}

/** Starts HAProxy in front of the slots, whether anything listens there or not. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const folder = await mkdtemp(join(tmpdir(), "haproxy-"));
  const statsSocket = join(folder, "stats.sock");
  const configFile = join(folder, "haproxy.cfg");
  await writeFile(configFile, configurationOf(options, statsSocket));
  // -db: in the foreground, one process.
  const child = spawn("haproxy", ["-db", "-f", configFile], { stdio: ["ignore", "ignore", "pipe"] });
  const errors = text(child.stderr);
  try {
    await isUp(child, statsSocket);
  } catch (error) {
    throw new Error(`haproxy: ${await errors}`, { cause: error });
  }
  return {
    async stateOf({ name }) {
      const rows = await readStats(statsSocket);
      const row = (backend: string) => rows.find(({ pxname, svname }) => pxname === backend && svname === name) ?? {};
      // Checked for HTTP/1.1; gRPC follows.
      const { status = "" } = row("http1");
      return { status, calls: Number(row("http1").stot) + Number(row("grpc").stot) };
    },
    async stop() {
      child.kill("SIGTERM");
      await once(child, "close");
      await rm(folder, { recursive: true });
    },
  };
}

/** gRPC and HTTP/1.1, each through a port of its own to the one port of every instance. */
function configurationOf({ slots, grpcPort, http1Port, checkIntervalMs, redispatch }: HaproxyOptions, stats: string) {
  const servers = (optionsOf: (slot: Slot) => string) =>
    slots.map((slot) => `  server ${slot.name} 127.0.0.1:${slot.port} ${optionsOf(slot)}`).join("\n");
  return `
global
  stats socket ${stats} mode 600
defaults
  mode http
  timeout connect 5s
  # Of the check's answer: only one that says no, or a closed port, may count at once on a busy machine.
  timeout check 3s
  # A watched health stream says nothing for as long as nothing changes.
  timeout client 1h
  timeout server 1h
  retries ${redispatch ? 2 : 0}
  ${redispatch ? "option redispatch 1" : "no option redispatch"}
  balance roundrobin
  option httpchk GET /readyz
  default-server inter ${checkIntervalMs}ms fall 1 rise 1
frontend grpc
  bind 127.0.0.1:${grpcPort} proto h2
  default_backend grpc
frontend http1
  bind 127.0.0.1:${http1Port}
  default_backend http1
backend grpc
${servers(({ name }) => `proto h2 track http1/${name}`)}
backend http1
${servers(({ adminPort }) => `check port ${adminPort}`)}
`;
}

async function isUp(child: ChildProcess, statsSocket: string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`);
    try {
      await readStats(statsSocket);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

type StatsRow = Readonly<Record<string, string>>;

/** Source: HAProxy's management guide, 9.1 (CSV format) and 9.3 (show stat). */
async function readStats(statsSocket: string): Promise<StatsRow[]> {
  const socket = connect(statsSocket);
  socket.end("show stat\n");
  const [header = "", ...lines] = (await text(socket)).trim().split("\n");
  const names = header.replace("# ", "").split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((value, i) => [names[i], value])));
}
