import { cors } from "@connectrpc/connect";
import type { Exchange } from "../connection/exchange.ts";

/** What pages may send and see beyond the headers of the three protocols. */
const ALLOWED_HEADERS = [...cors.allowedHeaders, "authorization", "x-request-id"].join(", ");
const EXPOSED_HEADERS = [...cors.exposedHeaders, "x-request-id"].join(", ");
const ALLOWED_METHODS = cors.allowedMethods.join(", ");

/** Two hours: Chromium's cap. */
const MAX_AGE_SECONDS = "7200";

const VARY = ["vary", "Origin"];

/** Gives the answers of an exchange their CORS headers. Returns true when it has answered: it was a preflight. */
export type CorsPolicy = (exchange: Exchange) => boolean;

/**
 * Lets pages of the given origins call, or of all with `["*"]`, without credentials. Others get no CORS headers, and so
 * the browser keeps the answer from them. Source: Fetch standard, CORS protocol.
 */
export function createCorsPolicy(origins: readonly string[]): CorsPolicy {
  if (origins.length === 0) return () => false;
  const allowed = new Set(origins);
  const any = allowed.has("*");

  return (exchange) => {
    const origin = exchange.headers.lookup("origin");
    exchange.commonHeaders = VARY;
    if (origin === null || !(any || allowed.has(origin))) return false;
    const allowOrigin = [...VARY, "access-control-allow-origin", any ? "*" : origin];

    if (exchange.method !== "OPTIONS" || exchange.headers.lookup("access-control-request-method") === null) {
      exchange.commonHeaders = [...allowOrigin, "access-control-expose-headers", EXPOSED_HEADERS];
      return false;
    }
    exchange.commonHeaders = allowOrigin;
    exchange.respond([
      ":status",
      "204",
      "access-control-allow-methods",
      ALLOWED_METHODS,
      "access-control-allow-headers",
      ALLOWED_HEADERS,
      "access-control-max-age",
      MAX_AGE_SECONDS,
    ]);
    return true;
  };
}
