export interface HeaderPolicyOptions {
  /**
   * The request headers that handlers see: names in any case, or beginnings as `x-*`. Default: `"all"`. Those of the
   * connection are never among them.
   */
  readonly acceptHeaders?: readonly string[] | "all";
  /**
   * The headers and trailers of handlers that clients get, written as those of `acceptHeaders`. Default: `"all"`. What
   * the server writes itself is never among them.
   */
  readonly exposeHeaders?: readonly string[] | "all";
}

export interface HeaderPolicy {
  /** What handlers see of a request's headers: names in lower case and values in turn. The same array when that is all. */
  requestHeaders(list: readonly string[]): readonly string[];
  /** The name by which a header that a handler has set is sent, or undefined. `-bin` values are sent as they are, in base64. */
  responseHeader(name: string): string | undefined;
  /**
   * The same for trailers. A REST body is one piece: trailers are sent before it, as `trailer-…`, as unary Connect has
   * them.
   */
  responseTrailer(name: string): string | undefined;
}

/**
 * For a connection, not for who is called. What else `connection` names is not hidden: a client could hide by it what a proxy
 * has added. Source: RFC 9110, 7.6.1; RFC 9113, 8.2.2.
 */
const HOP_BY_HOP: readonly string[] = [
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

const HIDDEN: ReadonlySet<string> = new Set(HOP_BY_HOP);

/** What the server writes itself; another value would break the answer. */
const RESERVED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "connect-content-encoding",
  "content-encoding",
  "content-length",
  "content-type",
  "date",
  "host",
]);

/** The outcome of a gRPC call, which REST tells otherwise. Source: gRPC over HTTP/2, "Custom-Metadata". */
const RESERVED_PREFIX = "grpc-";

/**
 * Which headers pass between HTTP and handlers.
 * @throws Error for a pattern that is no header's name, and for one of exposeHeaders that names what may not be set
 */
export function createHeaderPolicy(options: HeaderPolicyOptions = {}): HeaderPolicy {
  const { acceptHeaders = "all", exposeHeaders = "all" } = options;
  const isAccepted = compilePatterns("acceptHeaders", acceptHeaders);
  const isExposed = compilePatterns("exposeHeaders", exposeHeaders);
  if (exposeHeaders !== "all") {
    const reserved = exposeHeaders.find((name) => isReserved(name.toLowerCase()));
    if (reserved !== undefined) throw new Error(`exposeHeaders: ${reserved} is the server's own`);
  }
  const isSent = (name: string) => !isReserved(name) && isExposed(name);
  return {
    requestHeaders: (list) => filterRequest(list, isAccepted, acceptHeaders === "all"),
    responseHeader: (name) => (isSent(name) ? name : undefined),
    responseTrailer: (name) => (isSent(name) ? `trailer-${name}` : undefined),
  };
}

function isReserved(name: string): boolean {
  return RESERVED.has(name) || name.startsWith(RESERVED_PREFIX);
}

type Matcher = (name: string) => boolean;

function filterRequest(list: readonly string[], isAccepted: Matcher, acceptsAll: boolean): readonly string[] {
  const isSeen = (name: string) => !HIDDEN.has(name) && isAccepted(name);
  // Most requests have nothing to hide, and are not copied.
  if (acceptsAll && list.every((name, i) => i % 2 === 1 || isSeen(name))) return list;
  const seen: string[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string;
    if (isSeen(name)) seen.push(name, list[i + 1] as string);
  }
  return seen;
}

/** A name (RFC 9110, 5.6.2), or the beginning of one with `*`, which alone is every name. */
const PATTERN = /^[!#$%&'+.^_`|~0-9A-Za-z-]*\*?$/;

function compilePatterns(option: string, patterns: readonly string[] | "all"): Matcher {
  if (patterns === "all") return () => true;
  const names = new Set<string>();
  const prefixes: string[] = [];
  for (const pattern of patterns) {
    if (pattern === "" || !PATTERN.test(pattern))
      throw new Error(`${option}: ${JSON.stringify(pattern)} is no header name`);
    if (pattern.endsWith("*")) prefixes.push(pattern.slice(0, -1).toLowerCase());
    else names.add(pattern.toLowerCase());
  }
  return (name) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}
