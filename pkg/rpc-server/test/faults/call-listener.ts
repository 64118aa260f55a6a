import type { ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import type { RpcServerOptions } from "../../src/index.ts";

/** Whether the core has observers. Until it has, what they hear is not judged. */
const CORE_HAS_OBSERVERS: boolean = false;

/** Marks the request that is at fault, so that its call is told from others. */
export const FAULT_HEADER = "x-fault";

interface ObservedCall {
  readonly header: Headers;
}

export interface CallListener {
  /** To give to the server. */
  readonly options: Partial<RpcServerOptions>;
  /** Waits until the faulty call is over, then asserts that it began once and ended once, with that code. */
  heard(code: number | undefined): Promise<void>;
}

/** An observer of the server's calls that keeps those at fault. */
export function listenToCalls(): CallListener {
  const begun: ObservedCall[] = [];
  const ended: (number | undefined)[] = [];
  const over = Promise.withResolvers<void>();
  const observer = {
    begin(call: ObservedCall) {
      if (call.header.has(FAULT_HEADER)) begun.push(call);
    },
    end(call: ObservedCall, error: ConnectError | undefined) {
      if (!call.header.has(FAULT_HEADER)) return;
      ended.push(error?.code);
      over.resolve();
    },
  };
  const options: object = { observers: [observer] };
  return {
    options,
    async heard(code) {
      if (!CORE_HAS_OBSERVERS) return;
      await over.promise;
      expect(begun).toHaveLength(1);
      expect(ended).toEqual([code]);
    },
  };
}
