import type { HandlerContext } from "@connectrpc/connect";

/** Who makes a call. Absent until a service authenticates its callers. */
export interface Principal {
  /** The caller's stable name, such as a token's `sub` claim. */
  readonly subject: string;
}

/** What every service and repository method is told about the call it works for, as its last parameter. */
export interface Call {
  /** Fires when the answer is of no use any more: the client left, the deadline passed, the server stops. */
  readonly signal: AbortSignal;
  /** When the call ends: the client stops waiting, or the server's own limit is reached. Absent when neither is known. */
  readonly deadline?: Date;
  readonly principal?: Principal;
}

/** The call that a handler's context speaks of. */
export function callFrom(context: HandlerContext): Call {
  const timeoutMs = context.timeoutMs();
  if (timeoutMs === undefined) return { signal: context.signal };
  return { signal: context.signal, deadline: new Date(Date.now() + timeoutMs) };
}
