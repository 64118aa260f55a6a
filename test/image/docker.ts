import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What a program wrote, and its exit code; it does not reject for one. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const options = { env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 };
  try {
    return { code: 0, ...(await promisify(execFile)(program, args, options)) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== "number") throw error;
    return { code, stdout, stderr };
  }
}

/** Runs a docker command that must succeed, and resolves to what it printed. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run("docker", args);
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** Why no container can be run here, or undefined. */
export async function findDockerObstacle(): Promise<string | undefined> {
  const outcome = await run("docker", ["version", "--format", "{{.Server.Version}}"]).catch((error: Error) => error);
  if (outcome instanceof Error) return `docker cannot be run: ${outcome.message}`;
  return outcome.code === 0 ? undefined : `no Docker engine answers: ${outcome.stderr.trim()}`;
}

/** Polls until `condition` gives something. Rejects after `timeoutMs` with the last error, if there was one. */
export async function eventually<T>(condition: () => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  let lastError: unknown = new Error(`not within ${timeoutMs} ms`);
  while (Date.now() < end) {
    try {
      const value = await condition();
      if (value !== undefined) return value;
    } catch (error) {
      lastError = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw lastError;
}
