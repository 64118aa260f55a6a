export interface HeaderPolicyOptions {
  /**
   * The request headers that interceptors and handlers see: names in any case, or beginnings as `x-*`. What the server itself
   * reads (`if-match`, timeouts) works without being named. Default: `"all"`.
   */
  readonly acceptHeaders?: readonly string[] | "all";
  /**
   * The headers and trailers of handlers and interceptors that clients get, those of errors too, written as those of `acceptHeaders`. Trailers are sent before the body, as
   * `trailer-…`, as unary Connect has them. Default: `"all"` but those that are the server's own (`content-type`, …).
   */
  readonly exposeHeaders?: readonly string[] | "all";
}

/** Which headers pass between HTTP and handlers. What is not there has nothing to do. */
export interface HeaderPolicy {
  /** Takes away what handlers may not see. */
  readonly hideRequestHeaders?: ((headers: Headers) => void) | undefined;
  /** Takes away what clients may not get: of headers, trailers and errors. */
  readonly hideMetadata?: ((metadata: Headers) => void) | undefined;
}

/** @throws TypeError for what is not a list; RangeError for a pattern that is not a header's name */
export function createHeaderPolicy({ acceptHeaders, exposeHeaders }: HeaderPolicyOptions): HeaderPolicy {
  return {
    hideRequestHeaders: compileHiding("acceptHeaders", acceptHeaders),
    hideMetadata: compileHiding("exposeHeaders", exposeHeaders),
  };
}

/** A name (RFC 9110, 5.6.2), or the beginning of one with `*`, which alone is every name. */
const PATTERN = /^[!#$%&'+.^_`|~0-9A-Za-z-]*\*?$/;

function compileHiding(
  option: string,
  patterns: readonly string[] | "all" = "all",
): ((headers: Headers) => void) | undefined {
  if (patterns === "all") return undefined;
  if (!Array.isArray(patterns))
    throw new TypeError(`${option} must be "all" or a list: it is ${JSON.stringify(patterns)}`);
  const bad = patterns.find((pattern) => typeof pattern !== "string" || pattern === "" || !PATTERN.test(pattern));
  if (bad !== undefined) throw new RangeError(`${option}: ${JSON.stringify(bad)} is not a header name`);
  const lower = patterns.map((pattern) => pattern.toLowerCase());
  const names = new Set(lower.filter((pattern) => !pattern.endsWith("*")));
  const prefixes = lower.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1));
  const isShown = (name: string) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
  return (headers) => {
    for (const name of [...headers.keys()]) if (!isShown(name)) headers.delete(name);
  };
}
