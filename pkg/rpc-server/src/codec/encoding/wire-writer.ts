import { protoInt64, ScalarType } from "@bufbuild/protobuf";
import type { WireType } from "@bufbuild/protobuf/wire";

const FIRST_BYTES = 4 * 1024;

/** Memory that has grown further is not kept. */
const MAX_KEPT_BYTES = 64 * 1024;

/** Longer texts are encoded by Node; shorter ones faster here, as long as they are ASCII. */
const MAX_LOOP_CHARS = 40;

/** A UTF-16 unit takes at most as many bytes in UTF-8. */
const MAX_CHAR_BYTES = 3;

const MAX_VARINT32_BYTES = 5;
const MAX_VARINT64_BYTES = 10;

/**
 * Protobuf's wire format, written into the same memory for each message and copied out of it at the end: protobuf-es's
 * BinaryWriter allocates two ArrayBuffers a message, which costs more than writing. Checks values as that one does, but throws
 * errors without a text. Source: protobuf.dev, "Encoding".
 */
export class WireWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  /** What was written, in memory of its own. The next message may begin. */
  finish(): Buffer {
    const written = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(written, 0, 0, this.#at);
    this.reset();
    return written;
  }

  reset(): void {
    this.#at = 0;
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  tag(number: number, wireType: WireType): void {
    this.#varint32(((number << 3) | wireType) >>> 0);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Begins what its length is written before; returns what `close` has to be given. */
  open(): number {
    this.#reserve(1);
    this.#at++;
    return this.#at;
  }

  close(start: number): void {
    const length = this.#at - start;
    if (length < 0x80) {
      this.#bytes[start - 1] = length;
      return;
    }
    // One byte was kept for the length.
    const lengthBytes = Math.ceil((32 - Math.clz32(length)) / 7);
    this.#reserve(lengthBytes - 1);
    this.#bytes.copyWithin(start - 1 + lengthBytes, start, this.#at);
    this.#at = start - 1;
    this.#varint32(length);
    this.#at += length;
  }

  /** @throws TypeError for what is no such scalar */
  scalar(type: ScalarType, value: unknown): void {
    switch (type) {
      case ScalarType.STRING:
        this.#text(String(value));
        break;
      case ScalarType.BOOL:
        this.#varint32(value ? 1 : 0);
        break;
      case ScalarType.BYTES:
        this.#lengthDelimited(value);
        break;
      case ScalarType.INT32:
        this.#int32(int32(value));
        break;
      case ScalarType.UINT32:
        this.#varint32(uint32(value));
        break;
      case ScalarType.SINT32:
        this.#varint32(((int32(value) << 1) ^ (int32(value) >> 31)) >>> 0);
        break;
      case ScalarType.INT64:
        this.#int64(value);
        break;
      case ScalarType.UINT64:
        this.#uint64(value);
        break;
      case ScalarType.SINT64:
        this.#sint64(value);
        break;
      default:
        this.#fixed(type, value);
    }
  }

  #text(text: string): void {
    const { length } = text;
    this.#reserve(length * MAX_CHAR_BYTES + MAX_VARINT32_BYTES);
    if (length <= MAX_LOOP_CHARS && this.#shortText(text)) return;
    const start = this.open();
    this.#at += this.#bytes.write(text, start, "utf8");
    this.close(start);
  }

  /** Writes a text with its length, or returns false when it is not ASCII. */
  #shortText(text: string): boolean {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    for (let i = 0; i < text.length; i++) {
      const char = text.charCodeAt(i);
      if (char > 0x7f) return false;
      bytes[start + i] = char;
    }
    bytes[this.#at] = text.length;
    this.#at = start + text.length;
    return true;
  }

  #lengthDelimited(value: unknown): void {
    if (!(value instanceof Uint8Array)) throw new TypeError();
    this.#varint32(value.length);
    this.raw(value);
  }

  #int32(value: number): void {
    if (value >= 0) this.#varint32(value);
    else this.#varint64(value, -1);
  }

  #int64(value: unknown): void {
    const { lo, hi } = protoInt64.enc(value as bigint);
    this.#varint64(lo, hi);
  }

  #uint64(value: unknown): void {
    const { lo, hi } = protoInt64.uEnc(value as bigint);
    this.#varint64(lo, hi);
  }

  #sint64(value: unknown): void {
    const { lo, hi } = protoInt64.enc(value as bigint);
    const sign = hi >> 31;
    this.#varint64((lo << 1) ^ sign, ((hi << 1) | (lo >>> 31)) ^ sign);
  }

  #fixed(type: ScalarType, value: unknown): void {
    this.#reserve(8);
    // Not by Number(), which takes bigints.
    if (type === ScalarType.DOUBLE) this.#at = this.#bytes.writeDoubleLE(+(value as number), this.#at);
    else if (type === ScalarType.FLOAT) this.#at = this.#bytes.writeFloatLE(float32(value), this.#at);
    else if (type === ScalarType.FIXED32) this.#at = this.#bytes.writeUInt32LE(uint32(value), this.#at);
    else if (type === ScalarType.SFIXED32) this.#at = this.#bytes.writeInt32LE(int32(value), this.#at);
    else {
      const isSigned = type === ScalarType.SFIXED64;
      const { lo, hi } = isSigned ? protoInt64.enc(value as bigint) : protoInt64.uEnc(value as bigint);
      this.#at = this.#bytes.writeInt32LE(lo, this.#at);
      this.#at = this.#bytes.writeInt32LE(hi, this.#at);
    }
  }

  #varint32(value: number): void {
    this.#reserve(MAX_VARINT32_BYTES);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  /** A 64-bit integer in its two halves. */
  #varint64(low: number, high: number): void {
    this.#reserve(MAX_VARINT64_BYTES);
    let lo = low >>> 0;
    let hi = high >>> 0;
    while (hi > 0 || lo > 0x7f) {
      this.#bytes[this.#at++] = (lo & 0x7f) | 0x80;
      lo = ((lo >>> 7) | (hi << 25)) >>> 0;
      hi >>>= 7;
    }
    this.#bytes[this.#at++] = lo;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** Numbers may come as text. */
function int32(value: unknown): number {
  const number = numberOf(value);
  if ((number | 0) !== number) throw new TypeError();
  return number;
}

function uint32(value: unknown): number {
  const number = numberOf(value);
  if (number >>> 0 !== number) throw new TypeError();
  return number;
}

/** Too large a number would become infinite. */
function float32(value: unknown): number {
  const number = typeof value === "string" && value !== "NaN" ? numberOf(value) : Number(value);
  if (typeof value !== "number" && typeof value !== "string") throw new TypeError();
  if (Number.isFinite(number) && !Number.isFinite(Math.fround(number))) throw new TypeError();
  return number;
}

function numberOf(value: unknown): number {
  const number = typeof value === "string" ? Number(value) : value;
  if (typeof number !== "number" || (typeof value === "string" && Number.isNaN(number))) throw new TypeError();
  return number;
}
