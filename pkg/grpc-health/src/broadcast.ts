/** Wakes everybody who waits. Carries no value and remembers nothing: whoever wakes looks for what changed. */
export interface Broadcast {
  /** Resolves at the next `notify`, or when the signal aborts, whichever is first; at once when it is aborted already. */
  wait(signal: AbortSignal): Promise<void>;
  /** Wakes all who wait now. */
  notify(): void;
  /** How many wait now. */
  readonly waiting: number;
}

/** A waiter is held only while it waits, so one that is gone leaves nothing behind, here or on its signal. */
export function createBroadcast(): Broadcast {
  const waiters = new Set<() => void>();
  return {
    wait(signal) {
      if (signal.aborted) {
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const wake = () => {
          waiters.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        waiters.add(wake);
        signal.addEventListener("abort", wake);
      });
    },
    notify() {
      for (const wake of waiters) {
        wake();
      }
    },
    get waiting() {
      return waiters.size;
    },
  };
}
