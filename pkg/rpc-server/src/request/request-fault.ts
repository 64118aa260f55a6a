import type { NodeRequest } from "../connection/http-engine.ts";

/** A path and a query in visible ASCII. Source: RFC 9112, 3.2.1 (origin-form); RFC 9113, 8.3.1 (:path). */
const ORIGIN_FORM = /^\/[!-"$-~]*$/;

/** `host [ ":" port ]` without userinfo. Source: RFC 3986, 3.2.2 and 3.2.3; RFC 9110, 7.2; RFC 9113, 8.3.1. */
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d*)?$/i;

/**
 * Says what is wrong with a request's target or authority, in one line for the client, or undefined when nothing is.
 * The server must refuse such a request itself: connect-node would throw outside any handler.
 */
export function findRequestFault(request: NodeRequest): string | undefined {
  if (request.method === "CONNECT" || !ORIGIN_FORM.test(request.url ?? "")) return "the request target must be a path";

  const hosts = headerValues(request, "host");
  const authorities = new Set([...hosts, ...headerValues(request, ":authority")]);
  if (hosts.length > 1 || authorities.size > 1) return "the request must name one host only";

  const [authority] = authorities;
  if (authority === undefined) return "the request must name a host";
  if (!isAuthority(authority)) return "the request's host is not valid";
  return undefined;
}

/** The expression alone lets pass what URLs refuse (ports above 65535, 1.2.3.256); URLs take userinfo and paths. */
function isAuthority(authority: string): boolean {
  return AUTHORITY.test(authority) && URL.canParse(`http://${authority}`);
}

/** From the raw headers: Node drops all but the first Host. Lower case, as hosts compare without it. */
function headerValues({ rawHeaders }: NodeRequest, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1]?.toLowerCase() ?? "");
  }
  return values;
}
