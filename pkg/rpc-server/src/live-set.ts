import { performance } from "node:perf_hooks";

/** Longer timers fire after 1 ms: Node keeps the delay in 32 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A set of what is going on, which can be waited for to become empty. */
export class LiveSet<T> extends Set<T> {
  readonly #waiting = new Set<() => void>();

  override delete(item: T): boolean {
    const deleted = super.delete(item);
    if (this.size === 0) {
      for (const wake of this.#waiting) wake();
    }
    return deleted;
  }

  /** Resolves with true as soon as the set is empty, and with false when it still is not after `timeoutMs`. */
  async emptied(timeoutMs: number): Promise<boolean> {
    if (this.size === 0) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(timeoutMs, MAX_TIMER_MS));
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
    clearTimeout(timer);
    return this.size === 0;
  }
}

/** A budget of time: how many milliseconds of `timeoutMs` are left, never below 0. */
export function startBudget(timeoutMs: number): () => number {
  const end = performance.now() + timeoutMs;
  return () => Math.max(0, end - performance.now());
}
