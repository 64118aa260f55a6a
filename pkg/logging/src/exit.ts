/** What must be written before the process ends. */
export interface Flushable {
  flushSync(): void;
}

const waiting = new Set<Flushable>();
let exiting = false;
let listens = false;

/** To be called before the process ends, since a listener that is added then is not called. One serves all. */
export function listenForExit(): void {
  if (listens) return;
  listens = true;
  process.on("exit", () => {
    exiting = true;
    for (const each of waiting) each.flushSync();
  });
}

/** Has `flushable` flushed at the end of the process, however often it is asked to. */
export function flushAtExit(flushable: Flushable): void {
  waiting.add(flushable);
}

/** It has nothing to write any more. */
export function forgetAtExit(flushable: Flushable): void {
  waiting.delete(flushable);
}

/** True once what can still be logged would never be written later: listeners of 'exit' may log. */
export function isExiting(): boolean {
  return exiting;
}

const nothing = new Int32Array(new SharedArrayBuffer(4));

/** Holds the whole thread. */
export function sleepSync(ms: number): void {
  Atomics.wait(nothing, 0, 0, ms);
}
