import { AsyncLocalStorage } from "node:async_hooks";

/** Those who wait for what the database does: it ends when nobody does any more. */
export class CallScope {
  #ended = false;
  readonly #listeners = new Set<() => void>();

  get ended(): boolean {
    return this.#ended;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  /** Calls `listener` when it ends; at once if it has. */
  onEnd(listener: () => void): void {
    if (this.#ended) listener();
    else this.#listeners.add(listener);
  }

  offEnd(listener: () => void): void {
    this.#listeners.delete(listener);
  }
}

const storage = new AsyncLocalStorage<CallScope>();

/** The scope of the call that the running code works for; undefined outside of calls. */
export function currentScope(): CallScope | undefined {
  return storage.getStore();
}

/** Calls `work` such that it, and all that it starts, works for `scope`. */
export function runInScope<T>(scope: CallScope, work: () => T): T {
  return storage.run(scope, work);
}

/** The scope of statements that one query may make for several calls: it ends when the last of them has left. */
class SharedScope extends CallScope {
  #members = 0;

  join(): () => void {
    this.#members += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#members -= 1;
      if (this.#members === 0) this.end();
    };
  }
}

let open: SharedScope | undefined;

/**
 * Calls `work` whose statement a data loader may merge with those of other calls, and then runs in the context of any one
 * of them. All that come in one turn of the event loop share a scope, so that the statement goes on for who still waits.
 */
export async function runInSharedScope<T>(work: () => Promise<T>): Promise<T> {
  const scope = storage.getStore();
  if (!scope) return work();
  const shared = openScope();
  const leave = shared.join();
  scope.onEnd(leave);
  try {
    return await storage.run(shared, work);
  } finally {
    scope.offEnd(leave);
    leave();
  }
}

function openScope(): SharedScope {
  if (open && !open.ended) return open;
  const opened = new SharedScope();
  open = opened;
  setImmediate(() => {
    if (open === opened) open = undefined;
  });
  return opened;
}
