import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Runs a program. Rejects with its output when it ends with another code than 0. */
export const run = promisify(execFile);

/**
 * Whether tests must be skipped because a program is not installed, which this says. Never on a build server, where
 * nobody would notice: there they fail.
 */
export async function isMissing(tool: string): Promise<boolean> {
  const installed = await run(tool, ["--help"]).then(
    () => true,
    (error) => error.code !== "ENOENT",
  );
  if (installed || process.env.CI) return false;
  process.stderr.write(`skipped, as not installed (make tools): ${tool}\n`);
  return true;
}
