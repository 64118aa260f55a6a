import type { ContextKey, ContextValues, HandlerContext, StreamRequest, UnaryRequest } from "@connectrpc/connect";
import { type ConnectionInfo, connectionInfo } from "../request/connection-info.ts";
import type { CallHeaders } from "./call-headers.ts";

/** Where a request, and its context values, keep the call that they belong to. */
export const CALL = Symbol("call");

/** A call as the end of its interceptors needs it. */
export interface InterceptedCall {
  readonly responseHeader: CallHeaders;
  readonly responseTrailer: CallHeaders;
  /** The handler's context, with what the interceptors have left of the request. */
  contextFor(request: UnaryRequest | StreamRequest): HandlerContext;
  /** What the handler returns, or a rejection as soon as the call is ended from outside. */
  guard<T>(output: T | PromiseLike<T>): T | Promise<T>;
}

/** connect-es's context values; its own are built with three closures each. */
export class CallContextValues implements ContextValues {
  readonly [CALL]: unknown;

  /** Until somebody sets a value: most calls are asked for this one at most. */
  readonly #info: ConnectionInfo;
  #values: Map<symbol, unknown> | undefined;

  constructor(call: unknown, info: ConnectionInfo) {
    this[CALL] = call;
    this.#info = info;
  }

  get<T>(key: ContextKey<T>): T {
    if (this.#values === undefined) return key.id === connectionInfo.id ? (this.#info as T) : key.defaultValue;
    return this.#values.has(key.id) ? (this.#values.get(key.id) as T) : key.defaultValue;
  }

  set<T>(key: ContextKey<T>, value: T): this {
    this.#own().set(key.id, value);
    return this;
  }

  delete(key: ContextKey<unknown>): this {
    this.#own().delete(key.id);
    return this;
  }

  #own(): Map<symbol, unknown> {
    this.#values ??= new Map<symbol, unknown>([[connectionInfo.id, this.#info]]);
    return this.#values;
  }
}
