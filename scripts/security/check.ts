import { spawnSync } from "node:child_process";

/** What came of a check. A source that cannot be asked is neither good news nor bad. */
export type Verdict = { readonly findings: readonly string[] } | { readonly unreachable: string };

/** What a program said; `code` is undefined when it could not be started. */
export interface Outcome {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, for at most five minutes. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; input?: string; env?: NodeJS.ProcessEnv } = {},
): Outcome {
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    ...options,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  });
  return { code: error ? undefined : (status ?? undefined), stdout: stdout ?? "", stderr: stderr ?? "" };
}

/** For a program that did not start, or ended in another way than its checks do. */
export function didNotRun(program: string, { code, stderr }: Outcome): Verdict {
  if (code === undefined) return { unreachable: `${program} is not installed (make tools), or did not end` };
  return { unreachable: `${program} ended with ${code}: ${stderr.trim().split("\n").at(-1) ?? ""}` };
}
