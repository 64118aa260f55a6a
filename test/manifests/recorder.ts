import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** A program in front of another one of its name, which writes down what scripts ask of it. */
export interface Recorder {
  /** Runs a script of bash that finds the recorder where it looks for the program, with further variables. */
  run(
    script: string,
    args: readonly string[],
    variables?: NodeJS.ProcessEnv,
  ): { status: number | null; stdout: string; stderr: string };
  /** The arguments of each call so far, in a line. */
  calls(): Promise<string[]>;
  /** What a call left in a file of this name, in `$RECORDS`. */
  recorded(name: string): Promise<string>;
  remove(): Promise<void>;
}

/** @param body bash: what the program does, with `$@`; `$REAL` is the real one, empty where there is none. */
export async function record(program: string, body: string): Promise<Recorder> {
  const folder = await mkdtemp(join(tmpdir(), "recorder-"));
  const real = spawnSync("bash", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim();
  const file = join(folder, program);
  await writeFile(file, `#!/usr/bin/env bash\nset -euo pipefail\necho "$*" >> "$RECORDS/calls"\n${body}\n`);
  await chmod(file, 0o755);
  const env = {
    ...process.env,
    PATH: `${folder}${delimiter}${process.env.PATH}`,
    RECORDS: folder,
    REAL: real,
    DRY_RUN: "",
  };
  return {
    run: (script, args, variables) =>
      spawnSync("bash", [script, ...args], { encoding: "utf8", env: { ...env, ...variables } }),
    calls: async () => (await readFile(join(folder, "calls"), "utf8")).trimEnd().split("\n"),
    recorded: (name) => readFile(join(folder, name), "utf8"),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
