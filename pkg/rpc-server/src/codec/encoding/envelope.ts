import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CodecCall } from "../codec.ts";
import { compress } from "./compression.ts";
import { decodeCompressed } from "./decode-compressed.ts";

/** Flags and length. Source: gRPC over HTTP/2, "Length-Prefixed-Message"; gRPC-Web, "HTTP/2 related differences". */
export const PREFIX_BYTES = 5;
export const COMPRESSED = 0b1;

/** How much of what follows a unary request's message is read, to see whether it is another one. */
export const EXCESS_BYTES = 64 * 1024;

/**
 * Looks at a unary request's body while it comes.
 * @throws ConnectError UNIMPLEMENTED as soon as there is a second message, and what checkPrefix throws
 */
export function checkBody(call: CodecCall, body: Buffer, isFirstLook: boolean): void {
  if (body.length < PREFIX_BYTES) return;
  if (isFirstLook) checkPrefix(call, body);
  const end = PREFIX_BYTES + lengthOf(body);
  if (body.length >= end + PREFIX_BYTES && isWholeEnvelope(body.subarray(end))) throw moreThanOneMessage();
}

function isWholeEnvelope(bytes: Buffer): boolean {
  return bytes.length >= PREFIX_BYTES && bytes.length >= PREFIX_BYTES + lengthOf(bytes);
}

/** @throws ConnectError for unknown flags, and for a length above the limit, whether or not so much has come. */
export function checkPrefix({ entry, requestCompression }: CodecCall, start: Uint8Array): void {
  const flags = start[0] ?? 0;
  if ((flags & ~COMPRESSED) !== 0) {
    throw new ConnectError(`unknown envelope flags 0x${flags.toString(16).padStart(2, "0")}`, Code.InvalidArgument);
  }
  if (flags === COMPRESSED && requestCompression === undefined) {
    // Source: gRPC, compression.md: "Compressed-Flag set with no or identity encoding".
    throw new ConnectError("the message is flagged as compressed, but no encoding is named", Code.Internal);
  }
  const length = lengthOf(start);
  if (length > entry.readMaxBytes) {
    throw new ConnectError(
      `the message is ${length} bytes long; the limit is ${entry.readMaxBytes}`,
      Code.ResourceExhausted,
    );
  }
}

/** The length that a prefix claims. */
export function lengthOf(start: Uint8Array): number {
  const [, a = 0, b = 0, c = 0, d = 0] = start;
  return a * 0x1000000 + ((b << 16) | (c << 8) | d);
}

/**
 * The one message of a unary request.
 * @throws ConnectError UNIMPLEMENTED for no or another message (cardinality: gRPC, statuscodes.md), INVALID_ARGUMENT for
 * an incomplete one or what follows it, and what checkPrefix throws
 */
export function decodeEnvelope(call: CodecCall, body: Buffer): Message | Promise<Message> {
  if (body.length === 0) throw noMessage();
  if (body.length >= PREFIX_BYTES) checkPrefix(call, body);
  const end = PREFIX_BYTES + (body.length < PREFIX_BYTES ? 0 : lengthOf(body));
  if (body.length < end) throw incompleteMessage();
  if (body.length > end) assertNothingFollows(body, end);

  return openEnvelope(call, body[0] ?? 0, body.subarray(PREFIX_BYTES, end));
}

/** The message in an envelope whose prefix is checked. @throws ConnectError for what cannot be decompressed or decoded */
export function openEnvelope(call: CodecCall, flags: number, bytes: Uint8Array): Message | Promise<Message> {
  if (flags !== COMPRESSED || call.requestCompression === undefined) return call.format.decode(bytes);
  return decodeCompressed(call, call.requestCompression, bytes);
}

function assertNothingFollows(body: Buffer, end: number): never {
  const rest = body.length - end;
  throw isWholeEnvelope(body.subarray(end))
    ? moreThanOneMessage()
    : new ConnectError(`${rest} bytes follow the request's message`, Code.InvalidArgument);
}

export function incompleteMessage(): ConnectError {
  return new ConnectError("the request's message is incomplete", Code.InvalidArgument);
}

/** Source: gRPC, statuscodes.md, "Request cardinality violation". */
export function noMessage(): ConnectError {
  return new ConnectError("the request has no message: one is expected", Code.Unimplemented);
}

/** The same. */
export function moreThanOneMessage(): ConnectError {
  return new ConnectError("the request has more than one message: one is expected", Code.Unimplemented);
}

/** The message in its envelope, compressed where that is worth it. */
export interface Enveloped {
  readonly bytes: Uint8Array;
  /** The compression's name, for the header that tells the client. */
  readonly encoding: string | undefined;
}

/** @throws ConnectError when the message cannot be encoded or is too large */
export function encodeEnvelope(call: CodecCall, message: Message): Enveloped | Promise<Enveloped> {
  const raw = call.format.encode(message);
  const { entry } = call;
  if (raw.length < entry.compressMinBytes) return { bytes: envelope(0, raw), encoding: undefined };
  const compression = entry.compressions.ofResponse(call.acceptedCompressions, call.requestCompression);
  if (compression === undefined) return { bytes: envelope(0, raw), encoding: undefined };
  const compressed = compress(compression, raw);
  const finish = (bytes: Uint8Array) => ({ bytes: envelope(COMPRESSED, bytes), encoding: compression.name });
  return compressed instanceof Uint8Array ? finish(compressed) : compressed.then(finish);
}

/** One envelope with these flags around a payload. */
export function envelope(flags: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + payload.length);
  putEnvelope(bytes, 0, flags, payload);
  return bytes;
}

/** Writes an envelope into bytes that have room for it. */
export function putEnvelope(bytes: Buffer, at: number, flags: number, payload: Uint8Array): void {
  bytes[at] = flags;
  bytes.writeUInt32BE(payload.length, at + 1);
  bytes.set(payload, at + PREFIX_BYTES);
}
