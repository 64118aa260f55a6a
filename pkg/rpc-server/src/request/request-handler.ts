import { Code } from "@connectrpc/connect";
import type { CallHost } from "../call/call.ts";
import { shuttingDown, tooManyCalls } from "../call/errors.ts";
import { refuse } from "../call/refused-call.ts";
import { StreamCall } from "../call/stream/stream-call.ts";
import { UnaryCall } from "../call/unary-call.ts";
import type { Exchange, NodeRequest, NodeResponse } from "../connection/exchange.ts";
import type { CorsPolicy } from "./cors.ts";
import { findRequestFault } from "./request-fault.ts";
import type { Refusal, Resolution, Resolver } from "./resolver.ts";

type Fallback = (request: NodeRequest, response: NodeResponse) => void | Promise<void>;

export interface RequestHandlerParts {
  readonly host: CallHost;
  /** Asked in turn. */
  readonly resolvers: readonly Resolver[];
  readonly applyCors: CorsPolicy;
  readonly fallback: Fallback | undefined;
  readonly maxHeaders: number;
  readonly maxCalls: number;
  /** Whether calls that begin now would be aborted at once. */
  readonly isStopping: () => boolean;
}

/** Answers every request: bad ones and preflights by itself, calls by their methods, all else by the fallback. */
export function createRequestHandler(parts: RequestHandlerParts): (exchange: Exchange) => void {
  const { host, resolvers, applyCors, fallback, maxHeaders, maxCalls, isStopping } = parts;

  function resolve(exchange: Exchange): ReturnType<Resolver> {
    for (let i = 0; i < resolvers.length; i++) {
      const resolved = (resolvers[i] as Resolver)(exchange);
      if (resolved !== undefined) return resolved;
    }
    return undefined;
  }

  function startCall(exchange: Exchange, resolution: Resolution): void {
    const isUnary = resolution.kind === "unary";
    const call = isUnary ? new UnaryCall(host, exchange, resolution) : new StreamCall(host, exchange, resolution);
    if (isStopping()) call.refuse(shuttingDown());
    else if (host.running.size >= maxCalls) call.refuse(tooManyCalls());
    else call.start();
  }

  /** A fallback may be an async function: what it throws late must not end the process either. */
  async function fallBack(exchange: Exchange, fallback: Fallback): Promise<void> {
    const { request, response } = exchange.toNode();
    try {
      await fallback(request, response);
    } catch (error) {
      // Reading the body of a client that has gone fails, and is nobody's fault; who stops reading destroys the request alone.
      const hasGone = request.destroyed && !request.complete && response.destroyed !== false;
      if (!hasGone) host.onError(error);
      exchange.cut();
    }
  }

  return (exchange) => {
    const refusal = findRefusal(exchange, maxHeaders);
    if (refusal !== undefined) return refuse(exchange, refusal, host);
    if (applyCors(exchange)) return;

    const resolved = resolve(exchange);
    if (resolved?.kind === "refusal") return refuse(exchange, resolved, host);
    if (resolved?.kind === "answer") return exchange.respond([...resolved.head]);
    if (exchange.headers.lookup("expect") !== null) exchange.sayContinue();
    if (resolved !== undefined) return startCall(exchange, resolved);
    if (fallback === undefined) return refuse(exchange, NOT_FOUND, host);
    void fallBack(exchange, fallback);
  };
}

/** What is wrong with any request, whatever it asks for. */
function findRefusal(exchange: Exchange, maxHeaders: number): Refusal | undefined {
  const fault = findRequestFault(exchange);
  if (fault !== undefined) return refusal(400, fault, Code.InvalidArgument);
  if (exchange.headers.lines > maxHeaders) {
    return refusal(431, `the request has more than ${maxHeaders} headers`, Code.ResourceExhausted);
  }
  const expectation = exchange.headers.lookup("expect");
  if (expectation !== null && expectation.toLowerCase() !== "100-continue") {
    return refusal(417, "the only expectation that can be met is 100-continue", Code.InvalidArgument);
  }
  return undefined;
}

function refusal(status: number, told: string, code: Code): Refusal {
  return { kind: "refusal", head: [":status", String(status)], told, code, protocol: "http" };
}

/** Connect clients take the status for unimplemented. Source: Connect protocol, "HTTP to error code". */
const NOT_FOUND: Refusal = {
  kind: "refusal",
  head: [":status", "404"],
  told: "nothing is served at this path",
  code: Code.NotFound,
  protocol: "http",
};
