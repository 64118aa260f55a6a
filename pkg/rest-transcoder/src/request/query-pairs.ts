import { invalidArgument } from "./bad-request.ts";

/** One parameter of a query. */
export interface QueryPair {
  /** Decoded; as the client wrote it when it cannot be decoded. */
  readonly name: string;
  /** Decoded; undefined: the name or the value has a bad escape, or is not UTF-8. */
  readonly value: string | undefined;
}

/**
 * Splits the text after "?" at "&" and at the first "=", and decodes once; "+" is a space, a name without "=" has the value "".
 * Source: WHATWG URL, application/x-www-form-urlencoded, but for bad escapes, which are not taken as they are.
 *
 * @throws ConnectError INVALID_ARGUMENT when there are more than maxPairs
 */
export function readQueryPairs(query: string, maxPairs: number): QueryPair[] {
  const pairs: QueryPair[] = [];
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand < 0 ? query.length : ampersand;
    if (end > start) {
      if (pairs.length === maxPairs) throw invalidArgument(`the query has more than ${maxPairs} parameters`);
      pairs.push(readPair(query.slice(start, end)));
    }
    start = end + 1;
  }
  return pairs;
}

function readPair(text: string): QueryPair {
  const equals = text.indexOf("=");
  const rawName = equals < 0 ? text : text.slice(0, equals);
  const name = decode(rawName);
  if (name === undefined) return { name: rawName, value: undefined };
  return { name, value: equals < 0 ? "" : decode(text.slice(equals + 1)) };
}

/** What has to be decoded, and what no URL may have: bytes above ASCII that are not encoded. Source: RFC 3986, 2. */
const ENCODED = /[%+\u0080-\uffff]/;
const ABOVE_ASCII = /[\u0080-\uffff]/;

function decode(text: string): string | undefined {
  if (!ENCODED.test(text)) return text;
  if (ABOVE_ASCII.test(text)) return undefined;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
