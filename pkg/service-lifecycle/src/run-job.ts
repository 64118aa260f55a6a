/**
 * Runs work that ends by itself, such as a migration. The first SIGTERM or SIGINT fires `signal`; once `job` has rejected with
 * its reason, the process ends with 128 + the signal's number: the work is not done. A second signal ends it at once.
 *
 * @throws what else `job` rejects with
 */
export async function runJob(job: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  let exitCode = 0;
  const onSignal = (_name: string, number: number) => {
    exitCode = 128 + number;
    if (stop.signal.aborted) process.exit(exitCode);
    stop.abort(new Error("the process is to stop"));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  try {
    await job(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error;
    process.exit(exitCode);
  } finally {
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
  }
}
