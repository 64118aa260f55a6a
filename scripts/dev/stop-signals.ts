export interface StopSignals {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP: end in order. */
  readonly requested: AbortSignal;
  /** Aborted by the next one: end at once. */
  readonly forced: AbortSignal;
}

/** One Ctrl-C may arrive twice: from the terminal, and passed on by a wrapper such as `npm run`. */
const sameSignalMs = 200;

export function listenForStopSignals(): StopSignals {
  const requested = new AbortController();
  const forced = new AbortController();
  let requestedAt = 0;
  const listener = () => {
    if (!requested.signal.aborted) {
      requestedAt = Date.now();
      requested.abort();
    } else if (Date.now() - requestedAt > sameSignalMs) {
      forced.abort();
    }
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, listener);
  return { requested: requested.signal, forced: forced.signal };
}
