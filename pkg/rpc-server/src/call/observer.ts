import type { ConnectError, ContextValues } from "@connectrpc/connect";
import type { ProtocolName } from "../codec/codec.ts";

/** A call as its observers see it. */
export interface ObservedCall {
  /** The full name of the service, `user.v1.UserService`; `unknown` when nobody serves what was asked for. */
  readonly service: string;
  /** The name of the method, `GetUser`; `unknown` as above. */
  readonly method: string;
  readonly kind: "unary" | "client_stream" | "server_stream" | "bidi_stream";
  /** `http` for a request that is a call of none. */
  readonly protocol: ProtocolName | "http";
  /** `1.1` or `2`, and `1.0` for clients that old. */
  readonly httpVersion: string;
  /** Address and port of the other end of the connection. */
  readonly peer: string;
  /** When the request's headers were there, in milliseconds of `performance.now()`. */
  readonly startedMs: number;
  /** The request's headers, as they came or as interceptors left them. */
  readonly header: Headers;
  /** What interceptors have left there. */
  readonly contextValues: ContextValues;
}

/** What happens to a connection. `dropped`: there were `maxConnections` already. */
export interface ConnectionEvent {
  readonly type: "opened" | "closed" | "dropped";
  readonly peer: string;
}

/**
 * Hears of every call, those included that are refused before an interceptor or handler runs. What an observer throws is
 * given to `onError` and does not disturb the call.
 */
export interface CallObserver {
  begin?(call: ObservedCall): void;
  /** A request message was read and decoded. */
  received?(call: ObservedCall): void;
  /** A response message was encoded. */
  sent?(call: ObservedCall): void;
  /** Heard exactly once a call; `error` is what the client is told, and absent when the call succeeded. */
  end?(call: ObservedCall, error: ConnectError | undefined): void;
  connection?(event: ConnectionEvent): void;
}

/** All observers as one. */
export type Observers = Required<CallObserver>;

const IGNORE = (): void => {};

/** Calls each observer for each event, and `onError` with what one throws. */
export function joinObservers(observers: readonly CallObserver[], onError: (error: unknown) => void): Observers {
  // Of one call to the next nothing is allocated: this runs four times in each.
  function each<K extends keyof CallObserver>(event: K): Observers[K] {
    type Listener = (subject: unknown, error: unknown) => void;
    const listeners = observers.flatMap((observer) => (observer[event]?.bind(observer) as Listener | undefined) ?? []);
    if (listeners.length === 0) return IGNORE;
    return ((subject: unknown, error: unknown): void => {
      for (let i = 0; i < listeners.length; i++) {
        try {
          (listeners[i] as Listener)(subject, error);
        } catch (thrown) {
          onError(thrown);
        }
      }
    }) as Observers[K];
  }
  return {
    begin: each("begin"),
    received: each("received"),
    sent: each("sent"),
    end: each("end"),
    connection: each("connection"),
  };
}
