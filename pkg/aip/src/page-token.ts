import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

// version (1 byte) | hash of the arguments (8) | position | CRC-32 of all before (4), as unpadded base64url.
// First byte and checksum stay where they are in every version, so that damage and age can be told apart.
const version = 1;
const hashBytes = 8;
const checksumBytes = 4;
const positionStart = 1 + hashBytes;

/** No page token is longer, in characters. Use it as the `max_len` of `page_token` fields. */
export const maxPageTokenLength = 1024;

/** A plain JSON value. 64-bit integers go in as strings, timestamps as whatever text identifies them. */
export type PageArgumentValue =
  | string
  | number
  | boolean
  | null
  | readonly PageArgumentValue[]
  | { readonly [name: string]: PageArgumentValue };

/**
 * What decides which results a list has and in which order: parent, filter, order_by, … without `page_token` and
 * `page_size`, which a client may change from page to page (AIP-158). Put a name of the list in, such as the method's,
 * where two lists have the same arguments. The order of keys makes no difference; a key that is null and one that is
 * absent are two different things.
 */
export type PageArguments = { readonly [name: string]: PageArgumentValue };

/** The keyset: the ordering columns of the last result of a page, as text. The next page starts right after it. */
export type PagePosition = readonly string[];

/**
 * - `malformed`: not a token of ours, or changed on the way.
 * - `unsupportedVersion`: whole, but of a format that this release does not read; seen while releases overlap.
 * - `argumentsChanged`: issued for a request with other arguments.
 */
export type PageTokenErrorReason = "malformed" | "unsupportedVersion" | "argumentsChanged";

const messages: Record<PageTokenErrorReason, string> = {
  malformed:
    "not a valid page token: pass the next_page_token of the previous page unchanged, or none to start from the first page",
  unsupportedVersion: "a page token of another version of this service: pass none to start from the first page",
  argumentsChanged:
    "a page token issued for other arguments: repeat those of the first request (page_size may change), or pass none to start from the first page",
};

/** The client's page token cannot be used. Maps to INVALID_ARGUMENT (AIP-158); the message is meant for the client. */
export class PageTokenError extends Error {
  override readonly name = "PageTokenError";
  readonly reason: PageTokenErrorReason;

  constructor(reason: PageTokenErrorReason) {
    super(messages[reason]);
    this.reason = reason;
  }
}

/**
 * Writes the `next_page_token` of a page (AIP-158): URL-safe text that `decodePageToken` reads back.
 *
 * The token is not signed, because it grants nothing: whoever forges one gets what the same query, placed elsewhere in
 * the list, gives anyway. So both sums guard against accidents only. The arguments get SHA-256 cut to 8 bytes, which
 * keeps different requests apart by a margin that 32 bits would not. The whole gets CRC-32, which is better here than a
 * cut-off cryptographic hash of its size: it finds every burst of up to 32 bits for certain, hence every edit of a
 * character (6 bits), and misses one in 2^32 of the rest.
 *
 * @throws {TypeError} when the arguments are not plain JSON, or the position has a lone surrogate
 * @throws {RangeError} when the position is too long for a token of `maxPageTokenLength`: about 700 bytes
 */
export function encodePageToken(page: { readonly arguments: PageArguments; readonly position: PagePosition }): string {
  const content = Buffer.concat([Buffer.of(version), hashOf(page.arguments), encodePosition(page.position)]);
  const token = Buffer.concat([content, checksumOf(content)]).toString("base64url");
  if (token.length > maxPageTokenLength) {
    throw new RangeError(`a page token of ${token.length} characters, over the limit of ${maxPageTokenLength}`);
  }
  return token;
}

/**
 * Reads the position out of a request's `page_token`. The empty string is no token but the first page: ask before.
 *
 * The position is what `encodePageToken` was given, unless somebody forged the token. So check its length and form
 * where the database would mind (a uuid?), and throw `new PageTokenError("malformed")`.
 *
 * @throws {PageTokenError} for every string that `encodePageToken` did not return for these arguments
 * @throws {TypeError} when the arguments are not plain JSON
 */
export function decodePageToken(token: string, request: { readonly arguments: PageArguments }): PagePosition {
  const expectedHash = hashOf(request.arguments);
  const content = open(token);
  if (content[0] !== version) {
    throw new PageTokenError("unsupportedVersion");
  }
  const position = decodePosition(content.subarray(positionStart));
  if (!content.subarray(1, positionStart).equals(expectedHash)) {
    throw new PageTokenError("argumentsChanged");
  }
  return position;
}

/** The bytes of a token without their checksum, which has been verified. */
function open(token: string): Buffer {
  if (token.length > maxPageTokenLength) {
    throw new PageTokenError("malformed");
  }
  const bytes = Buffer.from(token, "base64url");
  // Buffer skips characters it does not know, and takes padding, the other alphabet and stray trailing bits.
  if (bytes.toString("base64url") !== token || bytes.length < positionStart + checksumBytes) {
    throw new PageTokenError("malformed");
  }
  const content = bytes.subarray(0, -checksumBytes);
  if (!bytes.subarray(-checksumBytes).equals(checksumOf(content))) {
    throw new PageTokenError("malformed");
  }
  return content;
}

function checksumOf(content: Buffer): Buffer {
  const checksum = Buffer.alloc(checksumBytes);
  checksum.writeUInt32BE(crc32(content));
  return checksum;
}

// Length-prefixed UTF-8 as in protobuf, not JSON: AIP-158 wants tokens that users do not read and take apart.
function encodePosition(position: PagePosition): Uint8Array {
  const writer = new BinaryWriter();
  for (const value of position) {
    if (!value.isWellFormed()) {
      throw new TypeError("a page position with a lone surrogate, which UTF-8 cannot hold");
    }
    writer.string(value);
  }
  return writer.finish();
}

function decodePosition(bytes: Uint8Array): PagePosition {
  const reader = new BinaryReader(bytes);
  const position: string[] = [];
  try {
    while (reader.pos < reader.len) {
      position.push(reader.string(true));
    }
  } catch {
    throw new PageTokenError("malformed");
  }
  return position;
}

function hashOf(pageArguments: PageArguments): Buffer {
  return hash("sha256", canonicalJson(pageArguments), "buffer").subarray(0, hashBytes);
}

/** One text for one value, keys sorted by UTF-16 code unit as in RFC 8785. */
function canonicalJson(value: PageArgumentValue): string {
  if (Array.isArray(value)) {
    return `[${Array.from(value, canonicalJson).join(",")}]`;
  }
  if (isPlainObject(value)) {
    const members = Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as PageArgumentValue)}`);
    return `{${members.join(",")}}`;
  }
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) {
    return JSON.stringify(value);
  }
  // JSON.stringify would write NaN as null and a Map as {}: two different requests with one hash.
  throw new TypeError(`page arguments must be plain JSON values, got ${typeof value} ${String(value)}`);
}

function isPlainObject(value: PageArgumentValue): value is { readonly [name: string]: PageArgumentValue } {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
