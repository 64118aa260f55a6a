import { AsyncLocalStorage } from "node:async_hooks";

/** What a log line or an outgoing call says about the request it belongs to. Nothing else may depend on it. */
export interface RequestContext {
  readonly requestId: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** The context of the request that the running code works for; undefined outside a request. */
export function currentRequestContext(): RequestContext | undefined {
  return storage.getStore();
}

/** Calls `work` such that it, and all that it starts, belongs to `context`. */
export function runInRequestContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/**
 * The same messages, each produced within `context`. An async generator runs in the context of whoever asks for its
 * next value, which for a streaming answer is the server, after the interceptors have returned.
 */
export function iterateInRequestContext<T>(context: RequestContext, messages: AsyncIterable<T>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = messages[Symbol.asyncIterator]();
      const end: IteratorReturnResult<undefined> = { done: true, value: undefined };
      return {
        next: () => storage.run(context, () => iterator.next()),
        return: (value) => storage.run(context, () => iterator.return?.(value) ?? Promise.resolve(end)),
        throw: (error) => storage.run(context, () => iterator.throw?.(error) ?? Promise.reject(error)),
      };
    },
  };
}
