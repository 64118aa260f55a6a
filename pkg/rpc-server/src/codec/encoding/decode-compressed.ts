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
  const raw = decompress(compression, bytes, call.entry.readMaxBytes);
  return raw instanceof Uint8Array ? decodeHeld(call, raw) : raw.then((expanded) => decodeHeld(call, expanded));
}

function decodeHeld(call: CodecCall, raw: Uint8Array): Message {
  call.holdExpanded(raw.length);
  return call.format.decode(raw);
}
