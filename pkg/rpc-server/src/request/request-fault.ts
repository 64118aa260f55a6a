import type { Exchange } from "../connection/exchange.ts";

/** A path and a query in visible ASCII. Source: RFC 9112, 3.2.1 (origin-form); RFC 9113, 8.3.1 (:path). */
const ORIGIN_FORM = /^\/[!-"$-~]*$/;

/** `host [ ":" port ]` without userinfo. Source: RFC 3986, 3.2.2 and 3.2.3; RFC 9110, 7.2; RFC 9113, 8.3.1. */
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d*)?$/i;

/** What of a request says where it goes. */
export type RequestTarget = Pick<Exchange, "method" | "target" | "host" | "namesHost">;

/** Most requests name the same host as the one before, and many the same target. */
let lastHost: string | undefined;
let lastTarget: string | undefined;

/**
 * Says what is wrong with a request's target or host, in one line for the client, or undefined when nothing is. Whoever
 * builds a URL of the two can rely on it.
 */
export function findRequestFault({ method, target, host, namesHost }: RequestTarget): string | undefined {
  if (target !== lastTarget || method === "CONNECT") {
    if (method === "CONNECT" || !ORIGIN_FORM.test(target)) return "the request target must be a path";
    lastTarget = target;
  }
  if (host === undefined) return namesHost ? "the request must name one host only" : "the request must name a host";
  if (host === lastHost) return undefined;
  if (!isAuthority(host)) return "the request's host is not valid";
  lastHost = host;
  return undefined;
}

/** The expression alone lets pass what URLs refuse (ports above 65535, 1.2.3.256); URLs take userinfo and paths. */
function isAuthority(authority: string): boolean {
  return AUTHORITY.test(authority) && URL.canParse(`http://${authority}`);
}
