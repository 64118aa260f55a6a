import type { ConnectRouter, Interceptor } from "@connectrpc/connect";

/** What a server serves, and its limits. Sizes are in bytes, times in milliseconds. */
export interface RpcServerOptions {
  /** Registers the services, as with every connect-es server. Called once, by createRpcServer. */
  routes: (router: ConnectRouter) => void;

  /** Run around every call of every service, the first one outermost. Default: none. */
  interceptors?: readonly Interceptor[];

  /**
   * Origins whose pages may call, each exactly as browsers send it (`https://app.example.com`, no slash at the end), or
   * `["*"]` for every one. Default: none, and no CORS headers at all. Source: Fetch standard, CORS protocol.
   */
  corsOrigins?: readonly string[];

  /** The largest request message accepted, also after decompression. Larger: RESOURCE_EXHAUSTED. Default 4 MiB. */
  readMaxBytes?: number;

  /** The largest response message sent. Larger: RESOURCE_EXHAUSTED. Default 4 MiB. */
  writeMaxBytes?: number;

  /**
   * The largest header section of a request. HTTP/1.1: more gets 431. HTTP/2: announced as
   * SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, 6.5.2); more resets the stream. Default 16 KiB.
   */
  maxHeaderBytes?: number;

  /** Calls at once on one HTTP/2 connection: SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, 6.5.2). Default 250. */
  maxConcurrentStreams?: number;

  /** From accepting a connection until it is known to be HTTP/1.1 or HTTP/2; then it is cut. Default 10 s. */
  prefaceTimeoutMs?: number;

  /** HTTP/1.1: from the first byte of a request to the end of its headers; then 408. Default 10 s. */
  headersTimeoutMs?: number;

  /**
   * HTTP/1.1: from the first byte of a request to the end of its body, so it bounds uploads and client streams; then
   * 408. 0: no limit. Default 5 min. At least headersTimeoutMs. HTTP/2 has no such limit: there, deadlines bound calls.
   */
  requestTimeoutMs?: number;

  /**
   * HTTP/1.1: how long a connection may idle between two requests. Must outlast the load balancer's own idle time, or
   * requests meet a connection being closed. Default 75 s.
   */
  keepAliveTimeoutMs?: number;

  /**
   * Told what went wrong outside any handler: an answer that cannot be written though the client is there, a listening
   * socket in trouble. Not told of clients that misbehave or go away. Default: `process.emitWarning`.
   */
  onError?: (error: unknown) => void;
}

const MIB = 1024 * 1024;

/** The options with every default filled in. */
export function withDefaults(options: RpcServerOptions): Required<RpcServerOptions> {
  return {
    interceptors: [],
    corsOrigins: [],
    readMaxBytes: 4 * MIB,
    writeMaxBytes: 4 * MIB,
    maxHeaderBytes: 16 * 1024,
    maxConcurrentStreams: 250,
    prefaceTimeoutMs: 10_000,
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 300_000,
    keepAliveTimeoutMs: 75_000,
    onError: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
    ...options,
  };
}
