import type { Message } from "@bufbuild/protobuf";
import type {
  ConnectError,
  ContextKey,
  ContextValues,
  HandlerContext,
  StreamRequest,
  UnaryRequest,
} from "@connectrpc/connect";
import type { CallHeaders } from "../call/call-headers.ts";
import { type ConnectionInfo, connectionInfo } from "../request/connection-info.ts";

/** Where a request, and its context values, keep the call that they belong to. */
export const CALL = Symbol("call");

/** What of a request its handler is told in the context. */
export interface HandlerRequest<S = AbortSignal> extends Pick<UnaryRequest, "header" | "contextValues"> {
  readonly signal: S;
}

/** A call as its interceptors and their end need it. */
export interface InterceptedCall {
  readonly responseHeader: CallHeaders;
  readonly responseTrailer: CallHeaders;
  /** What the first interceptor is given. */
  requestOf(message: Message | AsyncIterable<Message>): UnaryRequest | StreamRequest;
  /** The handler's context, with what the interceptors have left of the request. */
  contextFor(request: HandlerRequest): HandlerContext;
  /** The same where there are no interceptors: with what the client has sent. */
  ownContext(): HandlerContext;
  /** What `use` makes of the handler's output, or a rejection as soon as the call is ended from outside. */
  guard<T, R>(output: T | PromiseLike<T>, use: (settled: T) => R): Promise<R>;
  /** Calls the listener when the call is ended from outside, or has been. */
  whenAbandoned(listener: (error: ConnectError) => void): void;
  /** Marks an error as the server's own: unless an interceptor replaces it, it passes through `mapError`. */
  own(error: unknown): ConnectError;
}

/** connect-es's context values; its own are built with three closures each. Keys are symbols, so values are properties. */
export class CallContextValues implements ContextValues {
  [id: symbol]: unknown;

  constructor(call: unknown, info: ConnectionInfo) {
    this[CALL] = call;
    this[connectionInfo.id] = info;
  }

  get<T>(key: ContextKey<T>): T {
    return key.id in this ? (this[key.id] as T) : key.defaultValue;
  }

  set<T>(key: ContextKey<T>, value: T): this {
    this[key.id] = value;
    return this;
  }

  delete(key: ContextKey<unknown>): this {
    delete this[key.id];
    return this;
  }
}
