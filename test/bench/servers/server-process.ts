import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Announcement, Reports } from "./serve.ts";
import type { ServerName } from "./servers.ts";

/** A server in a process of its own. */
export interface ServerProcess {
  readonly name: ServerName;
  readonly port: number;
  ask(question: keyof Reports): Promise<number>;
  /** Resolves once the process is gone. */
  stop(): Promise<void>;
}

export interface ServerProcessOptions {
  /** Flags for Node. */
  readonly nodeFlags?: readonly string[];
  /** Where its standard output goes, a file's descriptor. Default: nowhere. */
  readonly output?: number | undefined;
}

/** The core that servers run on. Everything else, the load above all, runs on another. */
const SERVER_CORE = "0";
const LOAD_CORE = "1";

/** Whether processes can be kept on a core: there is taskset (Linux), and there are two cores for this process. */
export const canPin = spawnSync("taskset", ["-c", `${SERVER_CORE},${LOAD_CORE}`, "true"]).status === 0;

/** Keeps this process, which makes the load, off the servers' core. */
export function pinLoad(): void {
  if (canPin) spawnSync("taskset", ["-a", "-cp", LOAD_CORE, String(process.pid)]);
}

export async function startServer(
  name: ServerName,
  { nodeFlags = [], output }: ServerProcessOptions = {},
): Promise<ServerProcess> {
  const node = [process.execPath, ...nodeFlags, join(import.meta.dirname, "serve.ts"), name];
  const [command = "", ...args] = canPin ? ["taskset", "-c", SERVER_CORE, ...node] : node;
  const child = spawn(command, args, {
    stdio: ["ignore", output ?? "ignore", "inherit", "ipc"],
    env: { ...process.env, NODE_ENV: "production" },
  });
  const exited = once(child, "exit");

  /** The next message; throws when the process ends before. */
  async function answer<T>(): Promise<T> {
    const gone = exited.then(([code]) => {
      throw new Error(`${name} ended with ${code}`);
    });
    const [message] = await Promise.race([once(child, "message"), gone]);
    return message as T;
  }

  const { port } = await answer<Announcement>();
  return {
    name,
    port,
    ask(question) {
      child.send(question);
      return answer<number>();
    },
    async stop() {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await exited;
      clearTimeout(timer);
    },
  };
}
