import { settlesWithin } from "./settles-within.ts";

export interface ReadinessOptions {
  /** Resolves when all that the service needs answers; rejects with the reason when not. */
  readonly check: () => Promise<void>;
  /** The pause between two checks, in milliseconds. */
  readonly intervalMs: number;
  /** How long a check may take, in milliseconds; then it has failed. */
  readonly timeoutMs: number;
  /** How many checks in a row must fail before a ready service is not ready any more. The default is 3. */
  readonly unreadyAfterFailures?: number;
  /** How many checks in a row must succeed before one that was not ready any more is ready again. The default is 2. */
  readonly readyAfterSuccesses?: number;
  /** Heard on every change, while `isReady` says the same; `reason` says why it is not ready. */
  readonly onChange: (ready: boolean, reason?: unknown) => void;
}

/**
 * Whether the service can do its work now. Not ready until the first check succeeds; from then on damped, so that a check
 * that fails now and then changes nothing.
 */
export interface Readiness {
  isReady(): boolean;
  /** Checks now and from then on every `intervalMs`; resolves after the first check. */
  start(): Promise<void>;
  /** Not ready from now on, for good. */
  stop(): void;
}

/** Creates a readiness that checks nothing before it is started. Its timer keeps no process running. */
export function createReadiness(options: ReadinessOptions): Readiness {
  const { check, intervalMs, timeoutMs, unreadyAfterFailures = 3, readyAfterSuccesses = 2, onChange } = options;
  let ready = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  /** How many checks in a row have said other than `ready`, and how many must. */
  let dissents = 0;
  let needed = 1;

  function become(next: boolean, reason?: unknown): void {
    if (next === ready) return;
    ready = next;
    dissents = 0;
    needed = ready ? unreadyAfterFailures : readyAfterSuccesses;
    onChange(ready, reason);
  }

  function hear(success: boolean, reason?: unknown): void {
    if (stopped) return;
    dissents = success === ready ? 0 : dissents + 1;
    if (dissents >= needed) become(success, reason);
  }

  async function checkNow(): Promise<void> {
    try {
      if (!(await settlesWithin(check(), timeoutMs))) throw new Error(`no answer within ${timeoutMs} ms`);
      hear(true);
    } catch (error) {
      hear(false, error);
    }
    if (!stopped) timer = setTimeout(checkNow, intervalMs).unref();
  }

  return {
    isReady: () => ready,
    start: checkNow,
    stop() {
      stopped = true;
      clearTimeout(timer);
      become(false, "stopping");
    },
  };
}
