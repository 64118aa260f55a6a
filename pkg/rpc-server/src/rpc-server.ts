import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { createConnections } from "./connection/connections.ts";
import type { NodeResponse, RequestListener } from "./connection/http-engine.ts";
import { createHttp1Engine } from "./connection/http1-engine.ts";
import { createHttp2Engine } from "./connection/http2-engine.ts";
import { LiveSet, startBudget } from "./live-set.ts";
import { type RpcServerOptions, withDefaults } from "./options.ts";
import { createRequestHandler } from "./request/request-handler.ts";

/** Where a server listens. */
export interface ListenAddress {
  /** TCP port. 0 lets the system choose. */
  port: number;
  /** Name or address of the interface. Default: all, `::` (IPv6 and IPv4) or, without IPv6, `0.0.0.0`. */
  host?: string;
}

/** Serves gRPC, gRPC-Web and Connect on one port, over HTTP/1.1 and HTTP/2 without TLS. */
export interface RpcServer {
  /**
   * Listens, once in a server's life. Resolves with the address it got, and rejects with Node's error when it cannot
   * (EADDRINUSE, EACCES, …), or when the server has listened or was closed before.
   */
  listen(address: ListenAddress): Promise<Required<ListenAddress>>;

  /**
   * Goes on serving, but asks HTTP/1.1 clients to leave: every answer carries `connection: close` from now on. For the
   * pause between saying NOT_SERVING and draining, so that kept-alive connections end by themselves. May be repeated.
   */
  announceDrain(): void;

  /**
   * Ends without losing calls: listens no more, tells clients to go elsewhere, and lets the calls in flight finish. What
   * runs after `timeoutMs` is aborted: its signal fires, and its client gets UNAVAILABLE. Resolves when every
   * connection is closed, at most half a second after `timeoutMs`, with the number of calls that were aborted. Later calls
   * get the first one's result.
   */
  drain(options: { timeoutMs: number }): Promise<{ abortedCalls: number }>;

  /** Cuts every connection at once; the signals of running calls fire. Resolves when all is closed. May be repeated. */
  close(): Promise<void>;
}

/** For aborted calls to write their answers, and for connections to close by themselves. */
const GRACE_MS = 500;

/**
 * Creates a server that does not listen yet. Calls `options.routes`, and throws what that throws. The ConnectErrors
 * that handlers throw reach the client, all else as INTERNAL without its text; an interceptor has to log it.
 */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  const settings = withDefaults(options);
  const shutdown = new AbortController();
  const calls = new LiveSet<NodeResponse>();
  const answer = createRequestHandler(settings, shutdown.signal);
  const onRequest: RequestListener = (request, response) => {
    calls.add(response);
    response.once("close", () => calls.delete(response));
    answer(request, response);
  };
  const connections = createConnections(
    { http1: createHttp1Engine(settings, onRequest), http2: createHttp2Engine(settings, onRequest) },
    settings.prefaceTimeoutMs,
  );
  // Half-open, as node:http opens its own: the engines decide what it means that a client ends its side.
  const listener = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, connections.accept);
  let abortedCalls = 0;
  let draining: Promise<{ abortedCalls: number }> | undefined;
  let closing: Promise<void> | undefined;

  async function listen({ port, host }: ListenAddress): Promise<Required<ListenAddress>> {
    if (draining !== undefined || closing !== undefined) throw new Error("the server is closed");
    listener.listen({ port, ...(host !== undefined && { host }) });
    await once(listener, "listening");
    listener.on("error", settings.onError);
    const bound = listener.address() as AddressInfo;
    return { port: bound.port, host: bound.address };
  }

  /** Tells the handlers of all running calls to end, and counts them. */
  function abortCalls(): void {
    if (shutdown.signal.aborted) return;
    abortedCalls = calls.size;
    shutdown.abort(new ConnectError("the server is shutting down", Code.Unavailable));
  }

  async function drainOnce(timeoutMs: number): Promise<{ abortedCalls: number }> {
    const left = startBudget(timeoutMs);
    listener.close();
    await connections.drain(timeoutMs);
    if (!(await calls.emptied(left()))) {
      abortCalls();
    }
    await connections.allClosed(GRACE_MS);
    await close();
    return { abortedCalls };
  }

  async function closeOnce(): Promise<void> {
    // The callback comes when the port is free and all connections are closed, with an error if it never listened.
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    abortCalls();
    connections.destroy();
    await closed;
  }

  function close(): Promise<void> {
    closing ??= closeOnce();
    return closing;
  }

  return {
    listen,
    announceDrain: connections.announceDrain,
    drain({ timeoutMs }) {
      draining ??= drainOnce(timeoutMs);
      return draining;
    },
    close,
  };
}
