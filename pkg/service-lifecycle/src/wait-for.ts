import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  /** The longest wait, in milliseconds: `attempt` has the time that is left. 0: one attempt, without a limit of its own. */
  readonly timeoutMs: number;
  /** The pause between two attempts, in milliseconds. The default is 500. */
  readonly intervalMs?: number;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whether waiting can mend what `attempt` rejected with. The default: whatever it is. */
  readonly isTransient?: (error: unknown) => boolean;
  /** Told why the wait goes on: at first, when the reason is another one, and every `reminderMs`. */
  readonly onWaiting?: (error: unknown, waitedMs: number) => void;
  /** In milliseconds. The default is 5,000. */
  readonly reminderMs?: number;
}

/**
 * Calls `attempt` until it resolves.
 *
 * @throws what `attempt` rejected with last, when the time is over or waiting cannot help; the signal's reason; an Error
 * with the code ETIMEDOUT when the time was over before the first attempt had ended
 */
export async function waitFor(attempt: () => Promise<unknown>, options: WaitOptions): Promise<void> {
  const { timeoutMs, intervalMs = 500, signal, isTransient = () => true, reminderMs = 5_000 } = options;
  const started = performance.now();
  const waitedMs = () => Math.round(performance.now() - started);
  let told: { readonly reason: string; readonly atMs: number } | undefined;
  let lastError: unknown = Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: "ETIMEDOUT" });

  for (;;) {
    signal?.throwIfAborted();
    try {
      const leftMs = timeoutMs === 0 ? undefined : Math.max(timeoutMs - waitedMs(), 1);
      if (await resolvesInTime(attempt(), leftMs, signal)) return;
      throw lastError;
    } catch (error) {
      signal?.throwIfAborted();
      lastError = error;
    }
    if (!isTransient(lastError) || waitedMs() + intervalMs >= timeoutMs) throw lastError;
    const reason = String(lastError);
    if (told?.reason !== reason || waitedMs() - told.atMs >= reminderMs) {
      told = { reason, atMs: waitedMs() };
      options.onWaiting?.(lastError, told.atMs);
    }
    // What the signal rejects with is thrown at the loop's next turn.
    await sleep(intervalMs, undefined, signal && { signal }).catch(() => {});
  }
}

/** False when `ms` are over first; rejects when the signal fires first. */
async function resolvesInTime(promise: Promise<unknown>, ms: number | undefined, signal: AbortSignal | undefined) {
  const { promise: outcome, resolve, reject } = Promise.withResolvers<boolean>();
  const onAbort = () => reject(signal?.reason);
  const timer = ms === undefined ? undefined : setTimeout(resolve, ms, false);
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  promise.then(() => resolve(true), reject);
  try {
    return await outcome;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
