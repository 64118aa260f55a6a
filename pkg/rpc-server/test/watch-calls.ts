import { once } from "node:events";
import type { Interceptor } from "@connectrpc/connect";

export interface CallWatch {
  /** To give to the server. */
  readonly interceptor: Interceptor;
  /** The signals of all calls that reached a handler, in their order. */
  readonly signals: AbortSignal[];
  /** Resolves when that many calls have reached a handler. */
  begun(count: number): Promise<void>;
  /** Resolves with the reason a call's signal fired with. */
  aborted(index: number): Promise<unknown>;
}

/** Lets a test wait until its calls run, and until they are told to end. */
export function watchCalls(): CallWatch {
  const signals: AbortSignal[] = [];
  let wake = Promise.withResolvers<void>();

  const begun = async (count: number) => {
    while (signals.length < count) await wake.promise;
  };
  return {
    interceptor: (next) => (request) => {
      signals.push(request.signal);
      wake.resolve();
      wake = Promise.withResolvers();
      return next(request);
    },
    signals,
    begun,
    async aborted(index) {
      await begun(index + 1);
      const signal = signals[index];
      if (signal?.aborted === false) await once(signal, "abort");
      return signal?.reason;
    },
  };
}
