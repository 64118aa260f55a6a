export interface Runnable {
  start(): Promise<unknown>;
  /** Stops gracefully. */
  close(): Promise<void>;
}

/**
 * Starts `app`, and closes it at the first SIGTERM or SIGINT; resolves when it is closed. A second signal ends the
 * process at once, with 128 + the signal's number as shells do.
 */
export async function runUntilSignal(app: Runnable): Promise<void> {
  const signalled = new Promise<void>((resolve) => {
    let signals = 0;
    const onSignal = (_name: string, number: number) => {
      signals += 1;
      if (signals === 1) resolve();
      else process.exit(128 + number);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
  try {
    await app.start();
  } catch (error) {
    // Why it did not start matters more than what fails after that.
    await app.close().catch(() => {});
    throw error;
  }
  await signalled;
  await app.close();
}
