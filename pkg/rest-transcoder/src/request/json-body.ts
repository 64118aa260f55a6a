import { isUtf8 } from "node:buffer";
import type { JsonValue } from "@bufbuild/protobuf";
import { badRequest, invalidArgument, printable } from "./bad-request.ts";

/** A body that is JSON. */
export interface JsonBody {
  readonly value: JsonValue;
  /** As it was sent, with all digits of its numbers. */
  readonly text: string;
}

/**
 * The JSON value that a body is.
 *
 * @param maxDepth how many objects and arrays may stand within each other
 * @throws ConnectError INVALID_ARGUMENT when it is not valid UTF-8, not JSON, too deep, or has a name twice in an object
 */
export function readJsonBody(body: Uint8Array, maxDepth: number): JsonBody {
  if (!isUtf8(body)) throw invalidArgument("the body is not valid UTF-8");
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  assertDepth(text, maxDepth);
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw invalidArgument("the body is not valid JSON", error);
  }
  assertUniqueNames(text);
  return { value, text };
}

/** What is nested in unknown fields protobuf-es does not count, but JSON.parse builds: open brackets are counted first. */
function assertDepth(text: string, maxDepth: number): void {
  if (text.length <= maxDepth) return;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) i = endOfString(text, i);
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      depth++;
      if (depth > maxDepth) throw invalidArgument(`the body is nested more than ${maxDepth} deep`);
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth--;
  }
}

/** JSON.parse keeps the last of them. For text that it has parsed. Source: ProtoJSON, "Duplicate fields"; as fromJsonString. */
function assertUniqueNames(text: string): void {
  // The names in each open object; undefined for arrays.
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === OPEN_BRACE) open.push(new Set());
    else if (char === OPEN_BRACKET) open.push(undefined);
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) open.pop();
    else if (char === QUOTE) {
      const end = endOfString(text, i);
      const names = open.at(-1);
      if (names !== undefined && isName(text, end)) addName(names, text.slice(i, end + 1));
      i = end;
    }
  }
}

/** Where its closing quote is, or the text ends. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) return i;
    i += char === BACKSLASH ? 2 : 1;
  }
  return i;
}

/** Within an object a string is a name when a colon follows. */
function isName(text: string, end: number): boolean {
  let i = end + 1;
  while (WHITESPACE.has(text.charCodeAt(i))) i++;
  return text.charCodeAt(i) === COLON;
}

function addName(names: Set<string>, quoted: string): void {
  const name = quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
  if (names.has(name))
    throw badRequest([{ field: printable(name), description: "is twice in one object of the body" }]);
  names.add(name);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const WHITESPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);
