import { performance } from "node:perf_hooks";

/** Longer timers fire after 1 ms: Node keeps the delay in 32 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How many things are going on, which can be waited for to become none. */
export class LiveCount {
  #size = 0;
  readonly #waiting = new Set<() => void>();

  begun(): void {
    this.#size++;
  }

  /** One of those that have begun has ended. */
  ended(): void {
    this.#size--;
    if (this.#size > 0) return;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves with true as soon as there are none, and with false when there still are some after `timeoutMs`. */
  async none(timeoutMs: number): Promise<boolean> {
    if (this.#size === 0) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(timeoutMs, MAX_TIMER_MS));
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
    clearTimeout(timer);
    return this.#size === 0;
  }
}

/** A budget of time: how many milliseconds of `timeoutMs` are left, never below 0. */
export function startBudget(timeoutMs: number): () => number {
  const end = performance.now() + timeoutMs;
  return () => Math.max(0, end - performance.now());
}
