import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

export const MAIN = "cmd/user-service/main.ts";

/** Free ports, and nothing of this process' environment but what every start needs. Tests start the service a hundred times. */
const ENVIRONMENT = {
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: resolve(".cache/node"),
  APP_ENV: "test",
  PORT: "0",
  ADMIN_PORT: "0",
};

/** A process of the service, with pipes for what it writes. */
export function spawnService(args: readonly [program: string, command: string], env: NodeJS.ProcessEnv) {
  return spawn(process.execPath, args, { env: { ...ENVIRONMENT, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

export type LogLine = { readonly message: string; readonly level: string } & Readonly<Record<string, unknown>>;

/** The user service as a process of its own, as it runs in production. */
export interface ServiceProcess {
  readonly port: number;
  readonly adminPort: number;
  readonly baseUrl: string;
  /** The lines that it has logged so far. */
  readonly log: readonly LogLine[];
  /** Sends a signal and resolves to the exit code, or to the name of the signal that ended the process. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** A run of the service, from its first line to its exit code. */
export interface Run {
  readonly log: readonly LogLine[];
  /** What it has written to standard error so far. */
  readonly stderr: () => string;
  /** Resolves to the first line that it logs with this message. */
  logged(message: string): Promise<LogLine>;
  signal(name: NodeJS.Signals): void;
  /** The exit code, or the name of the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals | null>;
}

export interface RunOptions {
  /** The default is the user service's. */
  readonly program?: string;
  readonly command?: string;
}

/** Runs a command of the service, on free ports unless `env` says otherwise. */
export function runService(env: NodeJS.ProcessEnv, { program = MAIN, command = "serve" }: RunOptions = {}): Run {
  const child = spawnService([program, command], { USER_SERVICE_HOST: "127.0.0.1", ...env });
  const log: LogLine[] = [];
  let stderr = "";
  const lines = createInterface(child.stdout);
  lines.on("line", (text) => log.push(JSON.parse(text)));
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const exited = once(child, "close").then(([code, endedBy]) => code ?? endedBy);
  return {
    log,
    stderr: () => stderr,
    async logged(message) {
      for (;;) {
        const line = log.find((each) => each.message === message);
        if (line) return line;
        const event = await Promise.race([once(lines, "line"), exited.then((code) => ({ code }))]);
        if ("code" in event && !log.some((each) => each.message === message)) {
          throw new Error(`ended with ${event.code} without "${message}"\n${stderr}${JSON.stringify(log)}`);
        }
      }
    },
    signal: (name) => child.kill(name),
    exited,
  };
}

/** Starts the service on free ports and resolves when it serves. Rejects with what it printed when it ends before. */
export async function startService(env: NodeJS.ProcessEnv, program = MAIN): Promise<ServiceProcess> {
  // On a busy machine a new connection may need longer than 1.5 s; that is not what is tried here.
  const run = runService({ USER_SERVICE_DATABASE_CONNECT_TIMEOUT_MS: "10s", ...env }, { program });
  await run.logged("serving");
  const { port, adminPort } = await run.logged("listening");
  return {
    port: Number(port),
    adminPort: Number(adminPort),
    baseUrl: `http://127.0.0.1:${port}`,
    log: run.log,
    stop(signal = "SIGTERM") {
      run.signal(signal);
      return run.exited;
    },
  };
}
