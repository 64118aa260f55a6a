/** What a list holds. The links are the list's own. */
export interface Linked {
  previous: Linked | undefined;
  next: Linked | undefined;
}

/** Items that come and go all the time: a Set keeps room for those that have gone, and moves all others now and then. */
export class LinkedList<T extends Linked> implements Iterable<T> {
  #first: Linked | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The one that was added last. */
  get first(): T | undefined {
    return this.#first as T | undefined;
  }

  /** Puts an item that is in no list before all others. */
  add(item: T): void {
    item.next = this.#first;
    if (this.#first !== undefined) this.#first.previous = item;
    this.#first = item;
    this.#size++;
  }

  /** Returns false for what is not in the list. */
  remove(item: T): boolean {
    if (item.previous !== undefined) item.previous.next = item.next;
    else if (this.#first === item) this.#first = item.next;
    else return false;
    if (item.next !== undefined) item.next.previous = item.previous;
    item.previous = undefined;
    item.next = undefined;
    this.#size--;
    return true;
  }

  /** All that are there now: they may take themselves out meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    const items: T[] = [];
    for (let item = this.#first; item !== undefined; item = item.next) items.push(item as T);
    return items.values();
  }

  /** As the iterator, for a look at each that takes none of them out: allocates nothing. */
  forEach(visit: (item: T) => void): void {
    for (let item = this.#first; item !== undefined; item = item.next) visit(item as T);
  }
}
