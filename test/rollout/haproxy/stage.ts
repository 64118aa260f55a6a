import { createServer } from "node:net";
import { onTestFinished } from "vitest";
import { type Load, startLoad } from "../load/start-load.ts";
import { GRPC_GO_LOAD } from "../releases.ts";
import { createFleet, type Fleet, type Release } from "./fleet.ts";
import { type Haproxy, type Slot, startHaproxy } from "./haproxy.ts";

const INSTANCES = 2;
const CHECK_INTERVAL_MS = 250;
/** Four checks; in Kubernetes 5 s stand against the second in which kube-proxy follows. */
const DRAIN_DELAY_MS = 1_000;

export interface StageOptions {
  readonly release: Release;
  readonly databaseUrl: string;
  /** A file with the service's descriptors (FileDescriptorSet). */
  readonly descriptors: string;
  /** The default is long enough for the proxy to notice. */
  readonly drainDelayMs?: number;
  /** See HaproxyOptions; the default is false. */
  readonly redispatch?: boolean;
}

/** Two instances behind HAProxy. All of it ends with the test. */
export interface Stage {
  readonly fleet: Fleet;
  readonly proxy: Haproxy;
  /** Where no instance is at first. */
  readonly freeSlot: Slot;
  startLoad(): Promise<Load>;
}

let loads = 0;

export async function setStage(options: StageOptions): Promise<Stage> {
  const [grpcPort = 0, http1Port = 0, ...ports] = await freePorts(2 + 2 * (INSTANCES + 1));
  const slots = Array.from({ length: INSTANCES + 1 }, (_, i) => ({
    name: `slot${i + 1}`,
    port: ports[2 * i] ?? 0,
    adminPort: ports[2 * i + 1] ?? 0,
  }));
  const { redispatch = false, drainDelayMs = DRAIN_DELAY_MS } = options;
  const proxy = await startHaproxy({ slots, grpcPort, http1Port, checkIntervalMs: CHECK_INTERVAL_MS, redispatch });
  onTestFinished(() => proxy.stop());
  const fleet = createFleet(slots, proxy, {
    APP_ENV: "production",
    DATABASE_URL: options.databaseUrl,
    // On a starved machine a new process may need longer than 1.5 s to connect; that is not what is tried here.
    USER_SERVICE_DATABASE_CONNECT_TIMEOUT_MS: "10s",
    // The test reads every line that an instance logs.
    USER_SERVICE_ACCESS_LOG_SAMPLING: "0",
    USER_SERVICE_DRAIN_DELAY_MS: String(drainDelayMs),
  });
  onTestFinished(() => fleet.stop());
  await fleet.start(options.release);
  return {
    fleet,
    proxy,
    freeSlot: slots.at(-1) as Slot,
    async startLoad() {
      loads += 1;
      const load = await startLoad([process.execPath, new URL("../load/main.ts", import.meta.url).pathname], {
        run: `run${loads}`,
        callsPerSecond: 500,
        grpcJsTarget: `127.0.0.1:${grpcPort}`,
        http1Url: `http://127.0.0.1:${http1Port}`,
        grpcGo: { program: GRPC_GO_LOAD, target: `127.0.0.1:${grpcPort}`, descriptors: options.descriptors },
      });
      onTestFinished(() => load.kill());
      return load;
    },
  };
}

/** Ports that nobody listens on. They are all taken before any is let go, so no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
