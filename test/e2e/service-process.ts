import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

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

/** Starts the service on free ports and resolves when it serves. Rejects with what it printed when it ends before. */
export async function startService(
  env: NodeJS.ProcessEnv,
  program = "cmd/user-service/main.ts",
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [program, "serve"], {
    env: {
      PATH: process.env.PATH,
      APP_ENV: "test",
      PORT: "0",
      ADMIN_PORT: "0",
      USER_SERVICE_HOST: "127.0.0.1",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const log: LogLine[] = [];
  const { port, adminPort } = await serving(child, log);

  return {
    port,
    adminPort,
    baseUrl: `http://127.0.0.1:${port}`,
    log,
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const [code, endedBy] = await exit;
      return code ?? endedBy;
    },
  };
}

function serving(child: ChildProcess, log: LogLine[]): Promise<{ port: number; adminPort: number }> {
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new Error("the service was started without pipes");
  let errors = "";
  stderr.on("data", (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve, reject) => {
    let ports = { port: 0, adminPort: 0 };
    createInterface(stdout).on("line", (text) => {
      const line: LogLine = JSON.parse(text);
      log.push(line);
      if (line.message === "listening") ports = { port: Number(line.port), adminPort: Number(line.adminPort) };
      if (line.message === "serving") resolve(ports);
    });
    child.once("exit", (code) => reject(new Error(`the service ended with ${code}\n${errors}${JSON.stringify(log)}`)));
  });
}
