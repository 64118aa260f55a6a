import { performance } from "node:perf_hooks";

/** What a deadline ends. The two links are the list's own. */
export interface Expiring {
  /** When, in milliseconds of `performance.now()`. */
  expiresMs: number;
  expire(): void;
  previous: Expiring | undefined;
  next: Expiring | undefined;
}

/** How often the list is looked through; deadlines fire up to that late, and never early. */
const SWEEP_MS = 10;

/**
 * Deadlines of the calls in flight. A timer for each call costs ten times as much, and a timer wheel keeps calls that have
 * ended: here a call takes itself out of a list, and one timer, which runs only while there are any, looks through it.
 */
export class Deadlines {
  #first: Expiring | undefined;
  #timer: NodeJS.Timeout | undefined;

  add(item: Expiring): void {
    item.next = this.#first;
    if (this.#first !== undefined) this.#first.previous = item;
    this.#first = item;
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** May be called for what is not in the list. */
  remove(item: Expiring): void {
    if (item.previous !== undefined) item.previous.next = item.next;
    else if (this.#first === item) this.#first = item.next;
    if (item.next !== undefined) item.next.previous = item.previous;
    item.previous = undefined;
    item.next = undefined;
  }

  #sweep(): void {
    if (this.#first === undefined) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    const expired: Expiring[] = [];
    for (let item: Expiring | undefined = this.#first; item !== undefined; item = item.next) {
      if (item.expiresMs <= now) expired.push(item);
    }
    for (const item of expired) {
      this.remove(item);
      item.expire();
    }
  }
}
