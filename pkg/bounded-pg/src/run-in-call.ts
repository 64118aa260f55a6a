import { setTimeout as sleep } from "node:timers/promises";
import { CallScope, currentScope, runInScope } from "./call-scope.ts";
import { databaseErrorKind } from "./database-error.ts";

const MAX_CAUSES = 8;

export interface ConflictOptions {
  /** How often work is tried in all that another transaction got in the way of. The default is 3. */
  readonly tries?: number;
  /** The longest pause before the second try, in milliseconds; twice that before the third, and so on. The default is 50. */
  readonly pauseMs?: number;
}

/**
 * Runs a unit of work, a statement or a transaction as a whole, for a call: it is over when `signal` fires, and then rejects
 * with its reason at once, whatever the database does; a statement that is under way is cancelled at the server, and a
 * transaction rolled back. Work that PostgreSQL undid in favour of another transaction (its error says so, or the error's
 * cause) is repeated from its start, after a random pause; what then still fails rejects with that error. Within another
 * unit of work it is a part of that one, which alone is repeated, and whose end is the part's end too.
 */
export async function runInCall<T>(
  { signal }: { readonly signal: AbortSignal },
  work: () => Promise<T>,
  options: ConflictOptions = {},
): Promise<T> {
  signal.throwIfAborted();
  const scope = new CallScope();
  const outer = currentScope();
  const run = outer ? work : () => repeatConflicts(work, scope, options);
  const { promise: over, reject } = Promise.withResolvers<never>();
  const onAbort = () => {
    scope.end();
    reject(signal.reason);
  };
  const onOuterEnd = () => scope.end();
  signal.addEventListener("abort", onAbort, { once: true });
  outer?.onEnd(onOuterEnd);
  try {
    return await Promise.race([over, runInScope(scope, run)]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    outer?.offEnd(onOuterEnd);
  }
}

async function repeatConflicts<T>(
  work: () => Promise<T>,
  scope: CallScope,
  { tries = 3, pauseMs = 50 }: ConflictOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || attempt >= tries || scope.ended) throw error;
      // Jitter: those who met once would meet again.
      await sleep(Math.random() * pauseMs * 2 ** (attempt - 1));
    }
  }
}

/** A part of the work may have said it in words of its own. */
function isConflict(error: unknown): boolean {
  // Bounded: an error may be its own cause.
  for (let cause = error, depth = 0; cause instanceof Error && depth < MAX_CAUSES; cause = cause.cause, depth += 1) {
    if (databaseErrorKind(cause) === "conflict") return true;
  }
  return false;
}
