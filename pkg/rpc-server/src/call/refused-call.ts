import { performance } from "node:perf_hooks";
import { ConnectError, type ContextValues } from "@connectrpc/connect";
import type { Exchange } from "../connection/exchange.ts";
import { CallContextValues } from "../method/intercepted-call.ts";
import type { Refusal } from "../request/resolver.ts";
import type { ObservedCall, Observers } from "./observer.ts";

const UNKNOWN = "unknown";

/** Answers a request that is none of our calls, and has the observers hear of it as one. */
export function refuse(
  exchange: Exchange,
  { head, message, code, protocol, entry }: Refusal,
  observers: Observers,
): void {
  const call: ObservedCall = {
    service: entry?.service.typeName ?? UNKNOWN,
    method: entry?.method.name ?? UNKNOWN,
    kind: entry?.kind ?? "unary",
    protocol,
    httpVersion: exchange.httpVersion,
    peer: exchange.connection.info.peer,
    startedMs: performance.now(),
    header: exchange.headers,
    contextValues: new CallContextValues(undefined, exchange.connection.info) as ContextValues,
  };
  observers.begin(call);
  try {
    if (message === "") exchange.respond(head);
    else exchange.respond([...head, "content-type", "text/plain; charset=utf-8"], Buffer.from(`${message}\n`));
  } catch {
    // No room to hold even so little: whoever has taken it all gets no answer.
    exchange.cut();
  }
  observers.end(call, new ConnectError(message || `unknown method`, code));
}
