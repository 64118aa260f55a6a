import { performance } from "node:perf_hooks";
import { ConnectError, type ContextValues } from "@connectrpc/connect";
import { errorMetadata, statusHeaders } from "../codec/encoding/status.ts";
import type { Exchange } from "../connection/exchange.ts";
import { CallContextValues } from "../method/intercepted-call.ts";
import type { Refusal } from "../request/resolver.ts";
import type { CallHost } from "./call.ts";
import { describeInText } from "./error-body.ts";
import type { ObservedCall } from "./observer.ts";

type RefusalHost = Pick<CallHost, "observers" | "mapError" | "describeError">;

const UNKNOWN = "unknown";

/** Answers a request that is none of our calls, and has the observers hear of it as one. */
export function refuse(
  exchange: Exchange,
  refusal: Refusal,
  { observers, mapError, describeError }: RefusalHost,
): void {
  const { entry, protocol, told, code } = refusal;
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
  const error = mapError(new ConnectError(told, code), call);
  observers.begin(call);
  try {
    respond(exchange, refusal, error, describeError);
  } catch {
    // No room to hold even so little: the status has to say it all.
    exchange.respond([...refusal.head]);
  }
  observers.end(call, error);
}

/** Each answer gets a head of its own: whoever sends it adds to it. */
function respond(
  exchange: Exchange,
  { head, body, grpcMessage }: Refusal,
  error: ConnectError,
  describeError: CallHost["describeError"],
): void {
  if (grpcMessage !== undefined) {
    const status = new ConnectError(grpcMessage, error.code);
    status.details = error.details;
    const metadata = errorMetadata(error).flat();
    exchange.respond([...head, ...statusHeaders(status), ...metadata]);
  } else {
    const described =
      body === undefined ? describeError(error, Number(head[1])) : describeInText(new ConnectError(body, error.code));
    const metadata = [...(described.metadata ?? errorMetadata(error))].flat();
    exchange.respond([...head, "content-type", described.contentType, ...metadata], described.body);
  }
}
