import { Code, ConnectError, type Interceptor, type StreamRequest, type UnaryRequest } from "@connectrpc/connect";
import { connectionInfo } from "@grpc-service-template/rpc-server";

/** A call as its observers see it. */
export interface ObservedCall {
  /** The full name of the service: `user.v1.UserService`. */
  readonly service: string;
  /** The name of the method: `GetUser`. */
  readonly method: string;
  readonly kind: "unary" | "client_stream" | "server_stream" | "bidi_stream";
  readonly protocol: "grpc" | "grpc-web" | "connect";
  /** `1.1` or `2`. Absent when a test calls without a server. */
  readonly httpVersion?: string | undefined;
  /** Address and port of the other end of the connection. */
  readonly peer?: string | undefined;
  /** When the call began, in milliseconds of `performance.now()`. */
  readonly startedMs: number;
}

/** Hears of every call that reaches the interceptors. What it throws would fail the call: it must not throw. */
export interface CallObserver {
  begin?(call: ObservedCall): void;
  received?(call: ObservedCall): void;
  sent?(call: ObservedCall): void;
  /** Heard exactly once a call; `error` is absent when it succeeded. */
  end?(call: ObservedCall, error: ConnectError | undefined): void;
}

/** Tells `observers` of each call: begin, messages, and the end that the client is told. */
export function createObserveInterceptor(observers: readonly CallObserver[]): Interceptor {
  return (next) => async (request) => {
    const call = observedCall(request);
    const end = once((error?: ConnectError) => {
      for (const observer of observers) observer.end?.(call, error);
    });
    const received = () => {
      for (const observer of observers) observer.received?.(call);
    };
    const sent = () => {
      for (const observer of observers) observer.sent?.(call);
    };

    for (const observer of observers) observer.begin?.(call);
    try {
      if (!request.stream) {
        received();
        const response = await next(request);
        sent();
        end();
        return response;
      }
      const response = await next({ ...request, message: tap(request.message, received) });
      if (!response.stream) throw new ConnectError("a streaming call was answered as a unary one", Code.Internal);
      return { ...response, message: observeEnd(tap(response.message, sent), request.signal, end) };
    } catch (error) {
      end(asTold(error, request.signal));
      throw error;
    }
  };
}

function observedCall(request: UnaryRequest | StreamRequest): ObservedCall {
  const connection = request.contextValues.get(connectionInfo);
  return {
    service: request.service.typeName,
    method: request.method.name,
    kind: KINDS[request.method.methodKind],
    protocol: protocolOf(request.header.get("content-type") ?? ""),
    httpVersion: connection?.httpVersion,
    peer: connection?.peer,
    startedMs: performance.now(),
  };
}

const KINDS = {
  unary: "unary",
  client_streaming: "client_stream",
  server_streaming: "server_stream",
  bidi_streaming: "bidi_stream",
} as const;

function protocolOf(contentType: string): ObservedCall["protocol"] {
  if (contentType.startsWith("application/grpc-web")) return "grpc-web";
  return contentType.startsWith("application/grpc") ? "grpc" : "connect";
}

async function* tap<T>(messages: AsyncIterable<T>, onMessage: () => void): AsyncIterable<T> {
  for await (const message of messages) {
    onMessage();
    yield message;
  }
}

/** The same messages; `end` hears how they ended, a reader that stopped half-way included. */
async function* observeEnd<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
  end: (error?: ConnectError) => void,
): AsyncIterable<T> {
  try {
    yield* messages;
    end();
  } catch (error) {
    end(asTold(error, signal));
    throw error;
  } finally {
    // Still not ended: the reader went away.
    end(signal.aborted ? ConnectError.from(signal.reason, Code.Canceled) : new ConnectError("canceled", Code.Canceled));
  }
}

/** What the client is told of `error`; one that a write failed with once the call was over is not why it was over. */
function asTold(error: unknown, signal: AbortSignal): ConnectError {
  const isCause = error instanceof ConnectError || !signal.aborted;
  return ConnectError.from(isCause ? error : signal.reason, Code.Internal);
}

function once<Arguments extends unknown[]>(work: (...args: Arguments) => void): (...args: Arguments) => void {
  let done = false;
  return (...args) => {
    if (done) return;
    done = true;
    work(...args);
  };
}
