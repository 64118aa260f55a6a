import type { Message } from "@bufbuild/protobuf";
import type { CodecCall } from "../codec.ts";
import { type Compression, decompress } from "./compression.ts";

/**
 * The message in compressed bytes. What they expand to counts as held: a small body must not cost memory that nobody
 * counts.
 * @throws ConnectError RESOURCE_EXHAUSTED, INVALID_ARGUMENT
 */
export function decodeCompressed(
  call: CodecCall,
  compression: Compression,
  bytes: Uint8Array,
): Message | Promise<Message> {
  const raw = expandBody(call, compression, bytes);
  return raw instanceof Uint8Array ? call.format.decode(raw) : raw.then((expanded) => call.format.decode(expanded));
}

/** The same for bytes that a codec reads by itself. */
export function expandBody(
  call: CodecCall,
  compression: Compression,
  bytes: Uint8Array,
): Uint8Array | Promise<Uint8Array> {
  const hold = (raw: Uint8Array) => {
    call.holdExpanded(raw.length);
    return raw;
  };
  const raw = decompress(compression, bytes, call.entry.readMaxBytes);
  return raw instanceof Uint8Array ? hold(raw) : raw.then(hold);
}
