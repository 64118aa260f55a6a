import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { performance } from "node:perf_hooks";
import { ConnectError } from "@connectrpc/connect";
import type { CallHost } from "./call/call.ts";
import { describeInText } from "./call/error-body.ts";
import { joinObservers } from "./call/observer.ts";
import { RunningCalls } from "./call/running-calls.ts";
import { ByteBudget } from "./connection/byte-budget.ts";
import { formatPeer } from "./connection/connection.ts";
import { createConnections, GRACE_MS } from "./connection/connections.ts";
import { createHttp1Engine } from "./connection/http1-engine.ts";
import { createHttp2Engine } from "./connection/http2-engine.ts";
import { startBudget } from "./live-count.ts";
import { compileRoutes } from "./method/router.ts";
import { type RpcServerOptions, type Settings, withDefaults } from "./options.ts";
import { createCorsPolicy } from "./request/cors.ts";
import { createRequestHandler } from "./request/request-handler.ts";
import { createRpcResolver, refuseUnknownMethod } from "./request/resolver.ts";

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
   * Ends without losing calls: listens no more, tells clients to go elsewhere, lets the calls in flight finish and their
   * answers arrive. What runs after `timeoutMs` is aborted: its signal fires, and its client gets UNAVAILABLE. Resolves when every
   * connection is closed, at most half a second after `timeoutMs`, with the number of calls that were aborted. Later calls
   * get the first one's result.
   */
  drain(options: { timeoutMs: number }): Promise<{ abortedCalls: number }>;

  /** Cuts every connection at once; the signals of running calls fire. Resolves when all is closed. May be repeated. */
  close(): Promise<void>;
}

/** Times are checked this often, or four times within the shortest of them. */
const CHECK_INTERVAL_MS = 1_000;

/**
 * Connections that the kernel holds until they are accepted; it cuts this to net.core.somaxconn, 4096 on today's Linux.
 * With Node's 511 a client that came among many waits for the kernel to try again: 1 s, then 2, 4 and 8 s.
 */
const LISTEN_BACKLOG = 4_096;

/**
 * Creates a server that does not listen yet. Calls `options.routes`, and throws what that throws. The ConnectErrors
 * that handlers throw reach the client, all else as INTERNAL without its text; an interceptor has to log it.
 */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  const settings = guardOnError(withDefaults(options));
  const { maxBufferBytes, maxConnectionBufferBytes } = settings;
  const budget = new ByteBudget(maxBufferBytes);
  const state = { budget, maxConnectionBufferBytes, nowMs: performance.now(), isDraining: false };
  const [extension] = settings.protocols;
  const describeError: CallHost["describeError"] = extension?.describeError.bind(extension) ?? describeInText;
  const host: CallHost = {
    observers: joinObservers(settings.observers, settings.onError),
    running: new RunningCalls(),
    mapError: guardMapError(settings),
    describeError,
    onError: settings.onError,
  };
  const entries = compileRoutes(settings.routes, settings);
  let isStopping = false;
  const onExchange = createRequestHandler({
    host,
    resolvers: [
      createRpcResolver(entries),
      ...settings.protocols.map((protocol) => protocol.createResolver([...entries.values()])),
      refuseUnknownMethod,
    ],
    applyCors: createCorsPolicy(
      settings.corsOrigins,
      settings.protocols.map(({ cors }) => cors),
    ),
    fallback: settings.fallback,
    maxHeaders: settings.maxHeaders,
    maxCalls: settings.maxCalls,
    isStopping: () => isStopping,
  });
  const connections = createConnections(
    {
      http1: createHttp1Engine(settings, state, onExchange, describeError),
      http2: createHttp2Engine(settings, state, onExchange),
    },
    { prefaceTimeoutMs: settings.prefaceTimeoutMs, onEvent: host.observers.connection },
  );
  // Half-open, as node:http opens its own: the engines decide what it means that a client ends its side.
  const listener = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, connections.accept);
  listener.maxConnections = settings.maxConnections;
  listener.on("drop", (data) => {
    const { remoteAddress = "", remotePort = 0, remoteFamily = "" } = data ?? {};
    host.observers.connection({ type: "dropped", peer: formatPeer(remoteAddress, remotePort, remoteFamily) });
  });
  const checking = setInterval(checkTimes, checkIntervalMs(settings)).unref();
  let abortedCalls = 0;
  let draining: Promise<{ abortedCalls: number }> | undefined;
  let closing: Promise<void> | undefined;

  function checkTimes(): void {
    // What began since the last check is dated back to it; measured until the last check, too, nothing ends early.
    connections.checkTimes(state.nowMs);
    state.nowMs = performance.now();
  }

  async function listen({ port, host }: ListenAddress): Promise<Required<ListenAddress>> {
    if (draining !== undefined || closing !== undefined) throw new Error("the server is closed");
    listener.listen({ port, backlog: LISTEN_BACKLOG, ...(host !== undefined && { host }) });
    await once(listener, "listening");
    listener.on("error", settings.onError);
    const bound = listener.address() as AddressInfo;
    return { port: bound.port, host: bound.address };
  }

  /** Ends all running calls, and counts them. */
  function abortCalls(): void {
    if (isStopping) return;
    isStopping = true;
    abortedCalls = host.running.size;
    for (const call of host.running) call.shutdown();
  }

  async function drainOnce(timeoutMs: number): Promise<{ abortedCalls: number }> {
    const left = startBudget(timeoutMs);
    listener.close();
    state.isDraining = true;
    await connections.drain(timeoutMs);
    if (!(await connections.settled(left()))) abortCalls();
    await connections.allClosed(GRACE_MS);
    await close();
    return { abortedCalls };
  }

  async function closeOnce(): Promise<void> {
    // The callback comes when the port is free and all connections are closed, with an error if it never listened.
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    abortCalls();
    clearInterval(checking);
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

/** Nor may what onError throws, which hears of it from timers and events. */
function guardOnError(settings: Settings): Settings {
  return {
    ...settings,
    onError(error) {
      try {
        settings.onError(error);
      } catch (failure) {
        process.emitWarning(new Error("onError has thrown", { cause: failure }));
      }
    },
  };
}

/** What mapError throws must not end the process: the error stays as it was then. */
function guardMapError({ mapError, onError }: Settings): Settings["mapError"] {
  return (error, call) => {
    try {
      const mapped: unknown = mapError(error, call);
      if (mapped instanceof ConnectError) return mapped;
      onError(new TypeError("mapError must return a ConnectError"));
      return error;
    } catch (failure) {
      onError(failure);
      return error;
    }
  };
}

function checkIntervalMs(settings: Settings): number {
  const { bodyTimeoutMs, idleTimeoutMs, sendTimeoutMs, pingIntervalMs, pingTimeoutMs } = settings;
  const shortestMs = Math.min(bodyTimeoutMs, idleTimeoutMs, sendTimeoutMs, pingIntervalMs, pingTimeoutMs);
  return Math.max(10, Math.min(CHECK_INTERVAL_MS, shortestMs / 4));
}
