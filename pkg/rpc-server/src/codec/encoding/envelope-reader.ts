import type { Message } from "@bufbuild/protobuf";
import type { CodecCall } from "../codec.ts";
import { checkPrefix, lengthOf, openEnvelope, PREFIX_BYTES } from "./envelope.ts";

const EMPTY = Buffer.alloc(0);

/**
 * Cuts a body into messages as it comes. Holds what has come and room for as much again, never what a prefix claims.
 * Decoded messages refer to these bytes: they are never written over.
 */
export class EnvelopeReader {
  #bytes: Buffer = EMPTY;
  #start = 0;
  #end = 0;

  /** What has come and was not read. */
  get heldBytes(): number {
    return this.#end - this.#start;
  }

  append(chunk: Buffer): void {
    const held = this.heldBytes;
    if (held === 0) {
      this.#bytes = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    if (this.#end + chunk.length > this.#bytes.length) {
      // Small chunks of a long message must not each copy what is there.
      const larger = Buffer.allocUnsafe(Math.max(held + chunk.length, 2 * held));
      larger.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = larger;
      this.#start = 0;
      this.#end = held;
    }
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next message; undefined when more has to come. @throws ConnectError for one that cannot be taken */
  read(call: CodecCall): Message | Promise<Message> | undefined {
    if (this.heldBytes < PREFIX_BYTES) return undefined;
    const prefix = this.#bytes.subarray(this.#start, this.#start + PREFIX_BYTES);
    checkPrefix(call, prefix);
    const from = this.#start + PREFIX_BYTES;
    const to = from + lengthOf(prefix);
    if (to > this.#end) return undefined;
    this.#start = to;
    return openEnvelope(call, prefix[0] ?? 0, this.#bytes.subarray(from, to));
  }

  clear(): void {
    this.#bytes = EMPTY;
    this.#start = 0;
    this.#end = 0;
  }
}
