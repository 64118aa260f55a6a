import { Code, type ConnectError } from "@connectrpc/connect";
import type { CallObserver, ConnectionEvent, ObservedCall } from "../src/index.ts";

export interface CallRecord {
  readonly observer: CallObserver;
  /** What was heard of all calls, a word or two each: `begin unary`, `received`, `sent`, `end OK`, `end NotFound`. */
  readonly heard: string[];
  readonly calls: ObservedCall[];
  readonly ends: (ConnectError | undefined)[];
  readonly connections: ConnectionEvent[];
  /** Resolves when that many calls have ended. */
  ended(count?: number): Promise<void>;
  /** Resolves when `heard` has that many of that word. */
  hears(word: string, count?: number): Promise<void>;
}

/** An observer that writes down what it hears. */
export function recordCalls(): CallRecord {
  const heard: string[] = [];
  const calls: ObservedCall[] = [];
  const ends: (ConnectError | undefined)[] = [];
  const connections: ConnectionEvent[] = [];
  let wake = Promise.withResolvers<void>();

  function note(word: string): void {
    heard.push(word);
    wake.resolve();
    wake = Promise.withResolvers();
  }
  async function hears(word: string, count = 1): Promise<void> {
    while (heard.filter((other) => other === word || other.startsWith(`${word} `)).length < count) await wake.promise;
  }
  return {
    heard,
    calls,
    ends,
    connections,
    hears,
    ended: (count = 1) => hears("end", count),
    observer: {
      begin(call) {
        calls.push(call);
        note(`begin ${call.kind}`);
      },
      received: () => note("received"),
      sent: () => note("sent"),
      end(_call, error) {
        ends.push(error);
        note(`end ${error === undefined ? "OK" : Code[error.code]}`);
      },
      connection(event) {
        connections.push(event);
        wake.resolve();
        wake = Promise.withResolvers();
      },
    },
  };
}
