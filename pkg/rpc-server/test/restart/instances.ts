import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { startWireCount, type WireCount } from "./wire-count.ts";

/** How an instance is told to end. Only the first says that it is going to, for a load balancer to hear. */
export type Ending = "announce, pause, drain" | "drain" | "close";

/** What an instance says: where it listens, and that it will drain. */
export type InstanceMessage = { port: number } | "draining";

/** A place behind a load balancer where one process after the other serves, on the same port. */
export interface Instance {
  readonly port: number;
  /** Another way to the port, for HTTP/2. */
  readonly wire: WireCount;
  /** Whether a load balancer may choose it: it listens, and has not said that it drains. */
  readonly ready: boolean;
  /** Ends the process and starts another. Resolves when that one listens, with the exit code of the first. */
  restart(ending: Ending): Promise<number | null>;
}

const PROGRAM = new URL("./instance.fixture.ts", import.meta.url);

/** Starts a server in a process of its own; it is killed when the test ends. */
export async function startInstance(): Promise<Instance> {
  let child: ChildProcess | undefined;
  let ready = false;
  onTestFinished(() => void child?.kill("SIGKILL"));

  async function start(port: number): Promise<number> {
    const started = fork(PROGRAM, [String(port)], { execArgv: [] });
    child = started;
    started.once("exit", () => {
      ready = false;
    });
    const [message] = await Promise.race([
      once(started, "message") as Promise<[{ port: number }]>,
      once(started, "exit").then(([code]) => Promise.reject(new Error(`an instance ended with ${code} at its start`))),
    ]);
    ready = true;
    started.once("message", () => {
      ready = false;
    });
    return message.port;
  }

  const port = await start(0);
  return {
    port,
    wire: await startWireCount(port),
    get ready() {
      return ready;
    },
    async restart(ending) {
      const exited = once(child as ChildProcess, "exit");
      child?.send(ending);
      const [code] = await exited;
      await start(port);
      return code;
    },
  };
}
