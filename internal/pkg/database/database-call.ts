import { runInCall } from "@grpc-service-template/bounded-pg";
import type { Call } from "#internal/pkg/call/call.ts";
import { translateDatabaseError } from "./errors.ts";

/** The longest that a transaction may take, whatever time its call has: it holds locks and a connection. */
const MAX_TRANSACTION_MS = 5_000;
/** Prisma's own limits come last: where a call's end and the pool's are the cause, they should be the answer too. */
const MARGIN_MS = 500;

/**
 * Runs a query or a transaction as a whole while its answer is of use, and says in our terms what went wrong. A conflict with
 * another transaction has it repeated from the start, up to twice.
 */
export async function inDatabaseCall<T>(call: Call, work: () => Promise<T>): Promise<T> {
  try {
    return await runInCall(call, work);
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

/** Prisma's options of a transaction for this call. */
export function transactionOptions({ deadline }: Call): { readonly maxWait: number; readonly timeout: number } {
  const leftMs = deadline ? Math.max(deadline.getTime() - Date.now(), 0) : Number.POSITIVE_INFINITY;
  const timeout = Math.min(MAX_TRANSACTION_MS, leftMs) + MARGIN_MS;
  return { maxWait: timeout, timeout };
}
