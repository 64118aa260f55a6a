import { cors } from "@connectrpc/connect";
import type { Exchange } from "../connection/exchange.ts";
import type { CorsNeeds } from "./protocol-extension.ts";

/** What pages may send and see beyond the headers of the protocols. */
const ALLOWED_HEADERS = [...cors.allowedHeaders, "authorization", "x-request-id"];
const EXPOSED_HEADERS = [...cors.exposedHeaders, "x-request-id"];

/** Two hours: Chromium's cap. */
const MAX_AGE_SECONDS = "7200";

const VARY = ["vary", "Origin"];

/** Gives the answers of an exchange their CORS headers. Returns true when it has answered: it was a preflight. */
export type CorsPolicy = (exchange: Exchange) => boolean;

/**
 * Lets pages of the given origins call, or of all with `["*"]`, without credentials. Others get no CORS headers, and so
 * the browser keeps the answer from them. Source: Fetch standard, CORS protocol.
 */
export function createCorsPolicy(origins: readonly string[], needs: readonly CorsNeeds[] = []): CorsPolicy {
  if (origins.length === 0) return () => false;
  const allowed = new Set(origins);
  const any = allowed.has("*");
  const methods = list(cors.allowedMethods, ...needs.map((each) => each.methods));
  const requestHeaders = list(ALLOWED_HEADERS, ...needs.map((each) => each.requestHeaders));
  const responseHeaders = list(EXPOSED_HEADERS, ...needs.map((each) => each.responseHeaders));

  return (exchange) => {
    const origin = exchange.headers.lookup("origin");
    exchange.commonHeaders = VARY;
    if (origin === null || !(any || allowed.has(origin))) return false;
    const allowOrigin = [...VARY, "access-control-allow-origin", any ? "*" : origin];

    if (exchange.method !== "OPTIONS" || exchange.headers.lookup("access-control-request-method") === null) {
      exchange.commonHeaders = [...allowOrigin, "access-control-expose-headers", responseHeaders];
      return false;
    }
    exchange.commonHeaders = allowOrigin;
    exchange.respond([
      ":status",
      "204",
      "access-control-allow-methods",
      methods,
      "access-control-allow-headers",
      requestHeaders,
      "access-control-max-age",
      MAX_AGE_SECONDS,
    ]);
    return true;
  };
}

function list(...names: readonly (readonly string[])[]): string {
  return [...new Set(names.flat())].join(", ");
}
