import type { ConnectError } from "@connectrpc/connect";
import type { ErrorBody } from "../call/error-body.ts";
import type { MethodEntry } from "../method/method-entry.ts";
import type { Resolver } from "./resolver.ts";

/** A further protocol by which the same methods are called: its calls take the same path as all others. */
export interface ProtocolExtension {
  /** Called once, with every method that is served. The resolver is asked about requests that are no RPC paths. */
  createResolver(methods: readonly MethodEntry[]): Resolver;

  /**
   * How errors are told of requests that are no calls: bad ones (400, 408, 417, 431), those to nobody (404), and what the resolver
   * refuses without a body of its own. The first extension tells them.
   */
  describeError(error: ConnectError, httpStatus: number): ErrorBody;

  /** What pages of `corsOrigins` may do besides what the other protocols need. Asked after `createResolver`. */
  readonly cors: CorsNeeds;
}

export interface CorsNeeds {
  /** HTTP methods. */
  readonly methods: readonly string[];
  /** Headers that pages may send. */
  readonly requestHeaders: readonly string[];
  /** Headers that pages may read. */
  readonly responseHeaders: readonly string[];
}
