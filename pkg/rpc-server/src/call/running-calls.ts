import { performance } from "node:perf_hooks";
import { type Linked, LinkedList } from "../linked-list.ts";

/** A call as the list sees it. */
export interface Expiring extends Linked {
  /** When its deadline is, in milliseconds of `performance.now()`; Infinity without one. */
  readonly expiresMs: number;
  hasExpired: boolean;
  expire(): void;
}

/** How often the list is looked through; deadlines fire up to that late, and never early. */
const SWEEP_MS = 10;

/**
 * The calls in flight, and their deadlines. A timer for each call costs ten times as much, and a timer wheel keeps calls
 * that have ended: here a call takes itself out of a list, and one timer, which runs only while there are any, looks
 * through it.
 */
export class RunningCalls<T extends Expiring = Expiring> extends LinkedList<T> {
  #timer: NodeJS.Timeout | undefined;

  override add(item: T): void {
    super.add(item);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  #sweep(): void {
    if (this.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    const expired: T[] = [];
    this.forEach((item) => {
      if (item.expiresMs <= now && !item.hasExpired) expired.push(item);
    });
    for (const item of expired) {
      item.hasExpired = true;
      item.expire();
    }
  }
}
