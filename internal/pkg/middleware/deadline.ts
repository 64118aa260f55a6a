import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { effectiveDeadline } from "#internal/pkg/call/call.ts";

export interface DeadlineOptions {
  /** How long a call may take whose client sets no deadline, in milliseconds. */
  readonly defaultMs: number;
  /** How long a call may take at most, in milliseconds; a longer deadline is shortened, not refused. */
  readonly capMs: number;
}

/** Their streams last as long as their clients watch: health Watch, and reflection. */
const EXEMPT = /^grpc\.(health|reflection)\./;

/**
 * Gives every call a deadline, unary and streaming ones alike; `callFrom` reports it. When it passes, the call's signal
 * fires with DEADLINE_EXCEEDED, and the server answers with that, whatever the handler does. Stands outside of the
 * interceptors that look at the signal. The time in which a unary request is read does not count.
 */
export function createDeadlineInterceptor({ defaultMs, capMs }: DeadlineOptions): Interceptor {
  return (next) => (request) => {
    if (EXEMPT.test(request.service.typeName)) return next(request);
    const clientMs = timeoutOf(request.header);
    const timeoutMs = Math.min(clientMs ?? defaultMs, capMs);
    // The client's own deadline is kept by connect.
    if (timeoutMs === clientMs) return next(request);

    request.contextValues.set(effectiveDeadline, new Date(Date.now() + timeoutMs));
    return next({ ...request, signal: withTimeout(request.signal, timeoutMs) });
  };
}

function timeoutOf(header: Headers): number | undefined {
  // Connect heeds the header of the call's own protocol, and so must this.
  const { timeoutMs } = header.get("content-type")?.startsWith("application/grpc")
    ? parseGrpcTimeout(header.get("grpc-timeout"), Number.POSITIVE_INFINITY)
    : parseConnectTimeout(header.get("connect-timeout-ms"), Number.POSITIVE_INFINITY);
  return timeoutMs;
}

/** Fires when `signal` does, which connect makes sure of at the end of every call, or else after `timeoutMs`. */
function withTimeout(signal: AbortSignal, timeoutMs: number): AbortSignal {
  const controller = new AbortController();
  const expire = () => controller.abort(new ConnectError("the operation timed out", Code.DeadlineExceeded));
  const timer = setTimeout(expire, timeoutMs);
  const onAbort = () => {
    clearTimeout(timer);
    controller.abort(signal.reason);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return controller.signal;
}
