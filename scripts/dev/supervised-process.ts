import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";

export type SignalName = "INT" | "QUIT" | "TERM" | "KILL";

export interface SupervisedProcess {
  /** Sends a signal to the command; does nothing once it has ended. */
  signal(name: SignalName): void;
  /** Resolves with the command's exit code; 128 + n when signal n ended it, 127 when it could not be started. */
  readonly exited: Promise<number>;
}

export interface SuperviseOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** A file descriptor that takes stdout and stderr, or this process's own ("inherit"). */
  readonly output: "inherit" | number;
  /** What the command gets when this process ends, however it ends. */
  readonly finalSignal: SignalName;
  /** Seconds from `finalSignal` to SIGKILL. */
  readonly finalGraceSeconds: number;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

// The command runs beside a watcher that reads signal names from this process, over descriptor 3. The kernel closes
// that pipe when this process ends, `kill -9` included: the watcher reads the end of file and ends the command.
// Nobody but the watcher may hold the pipe or the output open, else a reader of either would wait for a process too many.
const supervisor = `
final=$1 polls=$2
shift 2
exec 3<&0 </dev/null
"$@" 3<&- &
command=$!
exec 2>/dev/null
{
  while read -r signal; do kill -"$signal" "$command"; done
  kill -"$final" "$command"
  while [ "$polls" -gt 0 ] && kill -0 "$command"; do sleep 0.1; polls=$((polls - 1)); done
  kill -KILL "$command"
} <&3 3<&- >/dev/null &
watcher=$!
exec 3<&-
wait "$command"
status=$?
kill "$watcher"
exit "$status"
`;

/**
 * Starts a command that ends when this process ends, and not before it is told to: it runs in a session of its own, so
 * that a terminal's Ctrl-C reaches this process alone, which then decides what stops in which order.
 * POSIX only. Its stdin is empty.
 */
export function superviseProcess(command: readonly string[], options: SuperviseOptions): SupervisedProcess {
  const shell = spawn(
    "/bin/sh",
    ["-c", supervisor, "supervisor", options.finalSignal, String(options.finalGraceSeconds * 10), ...command],
    {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ["pipe", options.output, options.output],
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    },
  );
  // The command may end while a signal is on its way.
  shell.stdin?.on("error", () => undefined);
  return {
    signal: (name) => {
      if (shell.stdin?.writable) shell.stdin.write(`${name}\n`);
    },
    exited: exitOf(shell),
  };
}

function exitOf(shell: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    shell.once("error", () => resolve(127));
    shell.once("exit", (code, signal) => {
      // If somebody killed the shell itself, the watcher is still there: this end of file makes it end the command.
      shell.stdin?.destroy();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
