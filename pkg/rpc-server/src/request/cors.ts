import { cors } from "@connectrpc/connect";
import type { NodeRequest, NodeResponse } from "../connection/http-engine.ts";

/** What pages may send and see beyond the headers of the three protocols. */
const ALLOWED_HEADERS = [...cors.allowedHeaders, "authorization", "x-request-id"].join(", ");
const EXPOSED_HEADERS = [...cors.exposedHeaders, "x-request-id"].join(", ");
const ALLOWED_METHODS = cors.allowedMethods.join(", ");

/** Two hours: Chromium's cap. */
const MAX_AGE_SECONDS = "7200";

/** Sets the response's CORS headers. Returns true when that answers the request: it was a preflight. */
export type CorsPolicy = (request: NodeRequest, response: NodeResponse) => boolean;

/**
 * Lets pages of the given origins call, or of all with `["*"]`, without credentials. Others get no CORS headers, and so
 * the browser keeps the answer from them. Source: Fetch standard, CORS protocol.
 */
export function createCorsPolicy(origins: readonly string[]): CorsPolicy {
  if (origins.length === 0) return () => false;
  const allowed = new Set(origins);
  const any = allowed.has("*");

  return (request, response) => {
    response.setHeader("vary", "Origin");
    const { origin } = request.headers;
    if (origin === undefined || !(any || allowed.has(origin))) return false;
    response.setHeader("access-control-allow-origin", any ? "*" : origin);

    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) {
      response.setHeader("access-control-expose-headers", EXPOSED_HEADERS);
      return false;
    }
    response.setHeader("access-control-allow-methods", ALLOWED_METHODS);
    response.setHeader("access-control-allow-headers", ALLOWED_HEADERS);
    response.setHeader("access-control-max-age", MAX_AGE_SECONDS);
    response.statusCode = 204;
    response.end();
    return true;
  };
}
