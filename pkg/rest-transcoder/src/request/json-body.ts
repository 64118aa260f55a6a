import { isUtf8 } from "node:buffer";
import type { JsonValue } from "@bufbuild/protobuf";
import { assertDepth } from "@grpc-service-template/rpc-server/protocol";
import { badRequest, invalidArgument } from "./bad-request.ts";
import type { JsonPath } from "./field-path.ts";

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
 * @param nameField what the field at a place in the JSON is called in errors
 * @throws ConnectError INVALID_ARGUMENT when it is not valid UTF-8, not JSON, too deep, or has a name twice in an object
 */
export function readJsonBody(body: Uint8Array, maxDepth: number, nameField: (path: JsonPath) => string): JsonBody {
  if (!isUtf8(body)) throw invalidArgument("the body is not valid UTF-8");
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  assertDepth(text, maxDepth, "the body");
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw invalidArgument("the body is not valid JSON", error);
  }
  const twice = findNameTwice(text);
  if (twice !== undefined) throw badRequest([{ field: nameField(twice), description: "is set twice" }]);
  return { value, text };
}

/** An object or an array that the scan is in, and the member or element that it is at. */
interface Open {
  /** Of an object: its names so far. */
  readonly names: Set<string> | undefined;
  at: string | number;
}

/**
 * Where a name is twice in an object: JSON.parse keeps the last of them. For text that it has parsed.
 * Source: ProtoJSON, "Duplicate fields"; as fromJsonString.
 */
function findNameTwice(text: string): JsonPath | undefined {
  const open: Open[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === OPEN_BRACE) open.push({ names: new Set(), at: "" });
    else if (char === OPEN_BRACKET) open.push({ names: undefined, at: 0 });
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) open.pop();
    else if (char === COMMA) toNextElement(open.at(-1));
    else if (char === QUOTE) {
      const end = endOfString(text, i);
      const object = open.at(-1);
      if (object?.names !== undefined && isName(text, end)) {
        object.at = nameOf(text.slice(i, end + 1));
        if (object.names.has(object.at)) return open.map(({ at }) => at);
        object.names.add(object.at);
      }
      i = end;
    }
  }
  return undefined;
}

function toNextElement(open: Open | undefined): void {
  if (typeof open?.at === "number") open.at++;
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

function nameOf(quoted: string): string {
  return quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const WHITESPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);
