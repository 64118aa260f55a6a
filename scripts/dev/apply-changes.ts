import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import type { SourceWatcher } from "./watch-sources.ts";

export interface ApplyOptions {
  /** The repository, absolute. */
  readonly root: string;
  readonly sources: SourceWatcher;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Does what changed files ask for beyond a restart: a changed contract is generated anew, a changed schema needs a
 * migration, which only the developer can name.
 * @returns whether the service is to be restarted.
 */
export async function applyChanges(files: readonly string[], options: ApplyOptions): Promise<boolean> {
  if (files.some((file) => file.startsWith(`api${path.sep}`) && file.endsWith(".proto"))) {
    if (!(await generate(options))) return false;
  }
  if (files.some((file) => file.endsWith(".prisma"))) {
    options.say("the database schema has changed: write its migration with `make migration NAME=what_changes`");
  }
  return files.some((file) => !file.endsWith(".prisma"));
}

async function generate({ root, sources, say, signal }: ApplyOptions): Promise<boolean> {
  const started = performance.now();
  const tools = path.join(root, "node_modules", ".bin");
  const env = { ...process.env, PATH: `${tools}${path.delimiter}${process.env.PATH}` }; // buf looks its plugins up there
  try {
    await promisify(execFile)("buf", ["generate"], { cwd: root, env, signal });
  } catch (error) {
    const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message: string };
    say(`buf generate failed; the service runs on with the last contract\n${(stderr || stdout || message).trimEnd()}`);
    return false;
  }
  // The generated files are part of this restart, not the reason for another one.
  sources.acknowledge(path.join("pkg", "api"));
  say(`generated pkg/api in ${Math.round(performance.now() - started)} ms`);
  return true;
}
