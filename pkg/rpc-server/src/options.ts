import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError, ConnectRouter, Interceptor } from "@connectrpc/connect";
import type { CallObserver, ObservedCall } from "./call/observer.ts";
import type { NodeRequest, NodeResponse } from "./connection/exchange.ts";
import type { MethodTimeouts } from "./method/method-entry.ts";
import type { ProtocolExtension } from "./request/protocol-extension.ts";

/** What a server serves, and its limits. Sizes are in bytes, times in milliseconds. */
export interface RpcServerOptions {
  /** Registers the services, as with every connect-es server. Called once, by createRpcServer. */
  routes: (router: ConnectRouter) => void;

  /** Run around every call of every service, the first one outermost. Default: none. */
  interceptors?: readonly Interceptor[];

  /** Hear of every call, refused ones included. Default: none. */
  observers?: readonly CallObserver[];

  /**
   * Has the last word on errors that the server itself makes: undecodable messages, limits, deadlines that interceptors
   * did not put in their words. For details that all errors of a service carry. Default: they stay as they are.
   */
  mapError?: (error: ConnectError, call: ObservedCall) => ConnectError;

  /** Further protocols by which the same methods may be called, such as REST. Default: none. */
  protocols?: readonly ProtocolExtension[];

  /** How long calls of a method may take. Called once per method. Default: as long as the client allows. */
  timeouts?: (method: DescMethod) => MethodTimeouts;

  /**
   * Answers requests that are no calls, with Node's own objects (its compatibility API for HTTP/2): plain pages. Their
   * host and target have been checked. Default: 404.
   */
  fallback?: (request: NodeRequest, response: NodeResponse) => void | Promise<void>;

  /**
   * Origins whose pages may call, each exactly as browsers send it (`https://app.example.com`, no slash at the end), or
   * `["*"]` for every one. Default: none, and no CORS headers at all. Source: Fetch standard, CORS protocol.
   */
  corsOrigins?: readonly string[];

  /** The largest request message accepted, before and after decompression. Larger: RESOURCE_EXHAUSTED. Default 4 MiB. */
  readMaxBytes?: number;

  /** The largest response message sent, before compression. Larger: RESOURCE_EXHAUSTED. Default 4 MiB. */
  writeMaxBytes?: number;

  /** Smaller answers are not compressed; with Infinity none is. Default 1 KiB. */
  compressMinBytes?: number;

  /** How deep messages may be nested. Deeper: INVALID_ARGUMENT. Default 100. */
  maxDepth?: number;

  /**
   * The largest header section of a request. HTTP/1.1: more gets 431. HTTP/2: announced as
   * SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, 6.5.2); more resets the stream. Default 16 KiB.
   */
  maxHeaderBytes?: number;

  /** How many header lines a request may have. More: 431. Default 100. */
  maxHeaders?: number;

  /** Calls at once on one HTTP/2 connection: SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, 6.5.2). Default 100. */
  maxConcurrentStreams?: number;

  /** Connections at once. More are closed as they come. Default 10,000. */
  maxConnections?: number;

  /** Calls in flight at once. More: UNAVAILABLE with RetryInfo, before anything of them is read. Default 2,000. */
  maxCalls?: number;

  /**
   * Bytes of request bodies that are being read, and of answers that are being sent, held for one connection. More:
   * RESOURCE_EXHAUSTED. Default 16 MiB.
   */
  maxConnectionBufferBytes?: number;

  /** The same for the process. Default 256 MiB. */
  maxBufferBytes?: number;

  /**
   * HTTP/2 streams that a client may reset, or make the server reset, per second, with ten times as many at once. More
   * end the connection (CVE-2023-44487, CVE-2025-8671). Default 100.
   */
  maxResetsPerSecond?: number;

  /** From accepting a connection until it is known to be HTTP/1.1 or HTTP/2; then it is cut. Default 10 s. */
  prefaceTimeoutMs?: number;

  /** HTTP/1.1: from the first byte of a request to the end of its headers; then 408. Default 10 s. */
  headersTimeoutMs?: number;

  /** For the body of a unary call to come; then DEADLINE_EXCEEDED. Default 30 s. */
  bodyTimeoutMs?: number;

  /** How slow such a body may come, on average, once 5 s have passed; slower: DEADLINE_EXCEEDED. Default 100 a second. */
  minBodyBytesPerSecond?: number;

  /**
   * HTTP/1.1: from the first byte of a request to the end of its body, so it bounds uploads and client streams; then
   * 408. 0: no limit. Default 5 min. At least headersTimeoutMs. HTTP/2 has no such limit: there, deadlines bound calls.
   */
  requestTimeoutMs?: number;

  /** HTTP/2: how long a connection may be without a call; then GOAWAY, and it ends. Default 60 s. */
  idleTimeoutMs?: number;

  /**
   * HTTP/1.1: how long a connection may idle between two requests. Must outlast the load balancer's own idle time, or
   * requests meet a connection being closed. Default 75 s.
   */
  keepAliveTimeoutMs?: number;

  /**
   * How long an answer may wait for its client to take the next 64 KiB of it, and a request may go on after its answer;
   * then the stream (HTTP/2) or the connection (HTTP/1.1) is cut. Default 30 s.
   */
  sendTimeoutMs?: number;

  /** HTTP/2: how often a connection is probed by a ping. Default 20 s. */
  pingIntervalMs?: number;

  /** HTTP/2: how long a client may take to answer a ping; then its connection is cut. Default 10 s. */
  pingTimeoutMs?: number;

  /**
   * Told what went wrong outside any handler: an answer that cannot be written though the client is there, a listening
   * socket in trouble. Not told of clients that misbehave or go away. Default: `process.emitWarning`.
   */
  onError?: (error: unknown) => void;
}

const MIB = 1024 * 1024;

/** The options with every default filled in. */
export type Settings = Required<Omit<RpcServerOptions, "fallback">> & Pick<RpcServerOptions, "fallback">;

/** @throws RangeError for a number that is none, or negative: it would switch a limit off without a word */
export function withDefaults(options: RpcServerOptions): Settings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (typeof value === "number" && !(value >= (MAY_BE_ZERO.has(name) ? 0 : Number.MIN_VALUE))) {
      throw new RangeError(`${name} must be above 0${MAY_BE_ZERO.has(name) ? ", or 0" : ""}: it is ${value}`);
    }
  }
  return { ...defaults(), ...(Object.fromEntries(given) as Pick<RpcServerOptions, "routes">) };
}

/** Where 0 says something: all, none, no limit. */
const MAY_BE_ZERO: ReadonlySet<string> = new Set([
  "compressMinBytes",
  "maxCalls",
  "maxHeaders",
  "minBodyBytesPerSecond",
  "requestTimeoutMs",
]);

function defaults(): Omit<Settings, "routes"> {
  return {
    interceptors: [],
    observers: [],
    mapError: (error) => error,
    protocols: [],
    timeouts: () => ({}),
    corsOrigins: [],
    readMaxBytes: 4 * MIB,
    writeMaxBytes: 4 * MIB,
    compressMinBytes: 1024,
    maxDepth: 100,
    maxHeaderBytes: 16 * 1024,
    maxHeaders: 100,
    maxConcurrentStreams: 100,
    maxConnections: 10_000,
    maxCalls: 2_000,
    maxConnectionBufferBytes: 16 * MIB,
    maxBufferBytes: 256 * MIB,
    maxResetsPerSecond: 100,
    prefaceTimeoutMs: 10_000,
    headersTimeoutMs: 10_000,
    bodyTimeoutMs: 30_000,
    minBodyBytesPerSecond: 100,
    requestTimeoutMs: 300_000,
    idleTimeoutMs: 60_000,
    keepAliveTimeoutMs: 75_000,
    sendTimeoutMs: 30_000,
    pingIntervalMs: 20_000,
    pingTimeoutMs: 10_000,
    onError: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
  };
}
