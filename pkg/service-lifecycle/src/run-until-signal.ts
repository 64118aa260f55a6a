import { EXIT } from "./exit.ts";

/** What a process runs. */
export interface Runnable {
  /** Rejects with the reason of `signal` soon after that fires: the process is to stop, half-started as it is. */
  start(signal: AbortSignal): Promise<unknown>;
  /** Stops gracefully. Also called when `start` has rejected. */
  close(): Promise<void>;
  /** How long `close`, and before it a `start` that is to end, may take in milliseconds; then the process ends as it is. */
  readonly closeTimeoutMs: number;
  /**
   * Told what makes the process end with exit code 70: an uncaught exception, an unhandled rejection, a close that failed or
   * took too long. For a logger that has written its line when this returns, or writes it in the process's 'exit' event.
   */
  onFatal(message: string, error?: unknown): void;
}

/** What a report itself brings about (a log that nobody reads any more) must not be reported forever. */
const MAX_REPORTS = 10;

/**
 * Starts `app`, closes it at the first SIGTERM or SIGINT, and ends the process with exit code 0. A signal while it starts
 * ends the start. An error that nobody handles is reported, closes `app` in the same way, and makes the exit code 70.
 * A second signal ends the process at once, with 128 + the signal's number as shells do.
 *
 * @throws what `app.start` rejected with, once `app` is closed
 */
export async function runUntilSignal(app: Runnable): Promise<void> {
  const stop = new AbortController();
  const stopRequested = new Promise<void>((resolve) => {
    stop.signal.addEventListener("abort", () => resolve());
  });
  let watchdog: NodeJS.Timeout | undefined;
  let signals = 0;
  let reports = 0;
  let exitCode = 0;

  function requestStop(): void {
    if (stop.signal.aborted) return;
    watchdog = setTimeout(() => {
      fail("closing took too long");
      process.exit(exitCode);
    }, app.closeTimeoutMs);
    stop.abort(new Error("the process is to stop"));
  }

  function fail(message: string, error?: unknown): void {
    exitCode = EXIT.crash;
    reports += 1;
    if (reports > MAX_REPORTS) return;
    try {
      app.onFatal(message, error);
    } catch (trouble) {
      process.stderr.write(`${message}: ${describe(error)}\nwhich could not be reported: ${describe(trouble)}\n`);
    }
  }

  const onSignal = (_name: string, number: number) => {
    signals += 1;
    if (signals > 1) process.exit(128 + number);
    requestStop();
  };
  const onCrash = (message: string) => (error: unknown) => {
    fail(message, error);
    requestStop();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("uncaughtException", onCrash("uncaught exception"));
  process.on("unhandledRejection", onCrash("unhandled rejection"));

  const startFailure = await app.start(stop.signal).then(
    () => undefined,
    (error: unknown) => (error === stop.signal.reason ? undefined : { error }),
  );
  if (startFailure) requestStop();
  await stopRequested;
  try {
    await app.close();
  } catch (error) {
    fail("closing failed", error);
  }
  // What was rejected meanwhile, and is handled by nobody, is told at the end of this turn.
  await new Promise((resolve) => setImmediate(resolve));
  clearTimeout(watchdog);
  if (startFailure) throw startFailure.error;
  process.exit(exitCode);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
