export interface ReadinessOptions {
  /** Resolves when all that the service needs answers; rejects with the reason when not. */
  readonly check: () => Promise<void>;
  /** The pause between two checks, in milliseconds. */
  readonly intervalMs: number;
  /** Heard on every change; `reason` says why it is not ready. */
  readonly onChange: (ready: boolean, reason?: unknown) => void;
}

/** Whether the service can do its work now. Not ready until the first check succeeds. */
export interface Readiness {
  isReady(): boolean;
  /** Checks now and from then on every `intervalMs`; resolves after the first check. */
  start(): Promise<void>;
  /** Not ready from now on, for good. */
  stop(): void;
}

export function createReadiness({ check, intervalMs, onChange }: ReadinessOptions): Readiness {
  let ready = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  function become(next: boolean, reason?: unknown): void {
    if (next === ready) return;
    ready = next;
    onChange(ready, reason);
  }

  async function checkNow(): Promise<void> {
    try {
      await check();
      if (!stopped) become(true);
    } catch (error) {
      if (!stopped) become(false, error);
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
