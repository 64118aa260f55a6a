import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { superviseProcess } from "./supervised-process.ts";

export interface ServiceOptions {
  /** The repository, absolute. */
  readonly root: string;
  /** A folder of `cmd/`. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where `GET /readyz` says whether the service is ready; undefined when that cannot be known. */
  readonly adminPort: number | undefined;
}

export interface ServiceProcess {
  /** True once it is ready; false when it ended before, or readiness cannot be known. */
  readonly ready: Promise<boolean>;
  /** Its exit code; 128 + n when signal n ended it. */
  readonly exited: Promise<number>;
  hasExited(): boolean;
  /** Asks it to drain and end; once, since services take a second signal for "at once". */
  stop(): void;
  kill(): void;
}

const pollMs = 20;
/** How long a service that lost its launcher may drain. */
const orphanGraceSeconds = 5;

export function startService({ root, name, env, adminPort }: ServiceOptions): ServiceProcess {
  let exited = false;
  let stopping = false;
  const service = superviseProcess([process.execPath, path.join(root, "cmd", name, "main.ts"), "serve"], {
    cwd: root,
    env,
    output: "inherit",
    finalSignal: "TERM",
    finalGraceSeconds: orphanGraceSeconds,
  });
  void service.exited.then(() => {
    exited = true;
  });
  const becomesReady = async () => {
    while (!exited && adminPort !== undefined) {
      if (await isReady(adminPort)) return !exited;
      await sleep(pollMs);
    }
    return false;
  };
  return {
    ready: becomesReady(),
    exited: service.exited,
    hasExited: () => exited,
    stop: () => {
      if (!stopping) service.signal("TERM");
      stopping = true;
    },
    kill: () => service.signal("KILL"),
  };
}

function isReady(adminPort: number): Promise<boolean> {
  return fetch(`http://localhost:${adminPort}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
    async (response) => {
      await response.body?.cancel();
      return response.status === 200;
    },
    () => false,
  );
}
