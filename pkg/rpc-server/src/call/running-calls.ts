import { performance } from "node:perf_hooks";

/** A call as the list sees it. The links are the list's own. */
export interface Expiring {
  /** When its deadline is, in milliseconds of `performance.now()`; Infinity without one. */
  readonly expiresMs: number;
  hasExpired: boolean;
  expire(): void;
  previous: Expiring | undefined;
  next: Expiring | undefined;
}

/** How often the list is looked through; deadlines fire up to that late, and never early. */
const SWEEP_MS = 10;

/**
 * The calls in flight, and their deadlines. A timer for each call costs ten times as much, and a timer wheel keeps calls
 * that have ended: here a call takes itself out of a list, and one timer, which runs only while there are any, looks
 * through it.
 */
export class RunningCalls<T extends Expiring = Expiring> {
  #first: Expiring | undefined;
  #size = 0;
  #timer: NodeJS.Timeout | undefined;

  get size(): number {
    return this.#size;
  }

  add(item: T): void {
    item.next = this.#first;
    if (this.#first !== undefined) this.#first.previous = item;
    this.#first = item;
    this.#size++;
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** May be called for what is not in the list. */
  remove(item: T): void {
    if (item.previous !== undefined) item.previous.next = item.next;
    else if (this.#first === item) this.#first = item.next;
    else return;
    if (item.next !== undefined) item.next.previous = item.previous;
    item.previous = undefined;
    item.next = undefined;
    this.#size--;
  }

  /** All of them, as they are now: they may take themselves out meanwhile. */
  all(): T[] {
    const items: T[] = [];
    for (let item = this.#first; item !== undefined; item = item.next) items.push(item as T);
    return items;
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
      if (item.expiresMs <= now && !item.hasExpired) expired.push(item);
    }
    for (const item of expired) {
      item.hasExpired = true;
      item.expire();
    }
  }
}
