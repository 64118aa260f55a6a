import { Code, ConnectError } from "@connectrpc/connect";

/** How long a client should wait before it tries again, or tries another instance. */
const RETRY_DELAY_MS = 500;

/** google.rpc.RetryInfo { retry_delay: { nanos } }, as it stands on the wire: two varints of a field number and a value. */
function retryInfo(delayMs: number): { type: string; value: Uint8Array } {
  const nanos: number[] = [];
  for (let rest = delayMs * 1_000_000; rest > 0; rest = Math.floor(rest / 128)) {
    nanos.push((rest % 128) + (rest >= 128 ? 128 : 0));
  }
  return { type: "google.rpc.RetryInfo", value: Uint8Array.of(0x0a, nanos.length + 1, 0x10, ...nanos) };
}

/** More calls than `maxCalls`: shed at once, so that those in flight can end. */
export function tooManyCalls(): ConnectError {
  return retryable(new ConnectError("the server has too many calls in flight", Code.Unavailable));
}

export function shuttingDown(): ConnectError {
  return retryable(new ConnectError("the server is shutting down", Code.Unavailable));
}

/** More bytes than `maxConnectionBufferBytes` or `maxBufferBytes`. */
export function tooMuchHeld(): ConnectError {
  return retryable(new ConnectError("the server holds too many bytes of bodies and answers", Code.ResourceExhausted));
}

/** Its clients' doing, and no trouble of the server's own. */
export function isTooMuchHeld(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.ResourceExhausted;
}

export function bodyLate(): ConnectError {
  return new ConnectError("the request's body did not come in time", Code.DeadlineExceeded);
}

export function deadlineExceeded(): ConnectError {
  return new ConnectError("the operation timed out", Code.DeadlineExceeded);
}

export function clientGone(): ConnectError {
  return new ConnectError("the client has canceled the call, or has gone", Code.Canceled);
}

/** What a client is told of an error: a ConnectError as it is, of anything else nothing but INTERNAL. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) {
    // A code that is none would be sent as a success, or as nothing that a client knows.
    if (Code[error.code] !== undefined) return error;
    return new ConnectError(error.rawMessage, Code.Unknown, error.metadata, undefined, error);
  }
  return new ConnectError("internal error", Code.Internal, undefined, undefined, error);
}

function retryable(error: ConnectError): ConnectError {
  // connect-es's type wants a descriptor for outgoing details; its encoders take the bytes of another server's as well.
  error.details.push(retryInfo(RETRY_DELAY_MS) as (typeof error.details)[number]);
  return error;
}

/** connect-es's option maxTimeoutMs refuses where ours shortens. */
export function timeoutRefused(timeoutMs: number, maxTimeoutMs: number): ConnectError {
  return new ConnectError(`timeout ${timeoutMs}ms must be <= ${maxTimeoutMs}`, Code.InvalidArgument);
}
