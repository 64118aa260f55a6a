import type { Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { CodecCall, StreamCodec, StreamEnd } from "../../codec/codec.ts";
import { type Compression, compress } from "../../codec/encoding/compression.ts";
import { COMPRESSED, envelope, PREFIX_BYTES, putEnvelope } from "../../codec/encoding/envelope.ts";
import { appendMetadata } from "../../codec/encoding/metadata.ts";
import type { AnswerHead } from "../../connection/exchange.ts";

/** Messages that are ready together are written together, up to here. */
const COALESCE_BYTES = 16 * 1024;
/** So many at most: a handler that always has another one must not keep others from their turn for long. */
const COALESCE_MESSAGES = 500;
const MIN_ROOM_BYTES = 1024;
/** While a write is longer, no other message is taken. */
const LONG_WRITE_BYTES = 64 * 1024;

const EMPTY = Buffer.alloc(0);

/**
 * Writes the messages of an answer, one write at a time. What is encoded while nothing but promises ran goes out at once,
 * in the next tick; what is encoded during a write goes out after it.
 */
export class AnswerWriter {
  readonly #call: CodecCall;
  readonly #codec: StreamCodec;
  #compression: Compression | undefined;
  #hasBegun = false;
  #isStopped = false;
  /** Envelopes to be written, and room for more of them. */
  #pending: Buffer = EMPTY;
  #pendingBytes = 0;
  #pendingMessages = 0;
  #isScheduled = false;
  #writingBytes = 0;
  #room: PromiseWithResolvers<void> | undefined;
  readonly #onBroken: (error: unknown) => void;

  /** `onBroken` hears of an answer that cannot be begun. */
  constructor(call: CodecCall, codec: StreamCodec, onBroken: (error: unknown) => void) {
    this.#call = call;
    this.#codec = codec;
    this.#onBroken = onBroken;
  }

  /** Whether the client has yet to take what was written. */
  get isWriting(): boolean {
    return this.#writingBytes > 0;
  }

  /** The request's headers are read: negotiates how to compress. */
  prepare(): void {
    const { entry, acceptedCompressions, requestCompression } = this.#call;
    if (entry.compressMinBytes === Number.POSITIVE_INFINITY) return;
    this.#compression = entry.compressions.ofResponse(acceptedCompressions, requestCompression);
  }

  /**
   * Takes a message. A promise: wait for it before the next one.
   * @throws ConnectError when it cannot be encoded or held
   */
  send(message: Message): Promise<void> | undefined {
    const { format, entry } = this.#call;
    const bytes = format.encode(message);
    if (this.#compression === undefined || bytes.length < entry.compressMinBytes) return this.#write(0, bytes);
    const compressed = compress(this.#compression, bytes);
    if (compressed instanceof Promise) return compressed.then((done) => this.#write(COMPRESSED, done));
    return this.#write(COMPRESSED, compressed);
  }

  /** Ends the answer. One of which nothing is out leaves as a whole. */
  end(error: ConnectError | undefined): void {
    if (this.#writingBytes > LONG_WRITE_BYTES) {
      // In the middle of a message there is no end but this.
      this.#call.exchange.cut();
      return;
    }
    const last = this.#codec.end(this.#call, error);
    const messages = this.#pending.subarray(0, this.#pendingBytes);
    this.#pendingBytes = 0;
    const body = last.envelope === undefined ? messages : Buffer.concat([messages, last.envelope]);
    if (this.#hasBegun) this.#finish(body, last);
    else this.#respond(body, last, messages.length, error !== undefined);
  }

  /** The call is over: nothing more is taken or written. */
  stop(): void {
    this.#isStopped = true;
    this.#pendingBytes = 0;
    this.#pending = EMPTY;
    this.#room?.resolve();
  }

  #respond(body: Buffer, { trailers }: StreamEnd, messageBytes: number, isError: boolean): void {
    const { exchange } = this.#call;
    const head = this.#head(messageBytes > 0);
    if (body.length > 0) {
      exchange.release(messageBytes);
      exchange.respond(head, body, trailers);
    } else if (isError && head.length === HEAD_LENGTH) {
      // Trailers-Only: in one frame, since a client whose request is refused may stop listening after the first.
      exchange.respond([...head, ...flat(trailers)]);
    } else {
      exchange.begin(head);
      exchange.end(trailers);
    }
    this.#hasBegun = true;
  }

  #finish(body: Buffer, { trailers }: StreamEnd): void {
    const { exchange } = this.#call;
    if (body.length > 0) exchange.write(body, ignore);
    exchange.end(trailers);
  }

  #write(flags: number, payload: Uint8Array): Promise<void> | undefined {
    if (this.#isStopped) return undefined;
    this.#call.exchange.hold(PREFIX_BYTES + payload.length);
    this.#append(flags, payload);
    if (this.#isFull()) this.#flush();
    else if (!this.#isScheduled && this.#writingBytes === 0) {
      this.#isScheduled = true;
      process.nextTick(flushScheduled, this);
    }
    if (this.#hasRoom()) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  #append(flags: number, payload: Uint8Array): void {
    const at = this.#pendingBytes;
    this.#pendingMessages++;
    this.#pendingBytes += PREFIX_BYTES + payload.length;
    if (at === 0) {
      this.#pending = envelope(flags, payload);
      return;
    }
    if (this.#pendingBytes > this.#pending.length) {
      const room = Math.min(Math.max(MIN_ROOM_BYTES, 4 * this.#pendingBytes), COALESCE_BYTES);
      const larger = Buffer.allocUnsafe(Math.max(this.#pendingBytes, room));
      larger.set(this.#pending.subarray(0, at));
      this.#pending = larger;
    }
    putEnvelope(this.#pending, at, flags, payload);
  }

  flush(): void {
    this.#isScheduled = false;
    this.#flush();
  }

  #flush(): void {
    if (this.#writingBytes > 0 || this.#pendingBytes === 0) return;
    const { exchange } = this.#call;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      try {
        exchange.begin(this.#head(true));
      } catch (error) {
        this.#onBroken(error);
        return;
      }
    }
    const bytes = this.#pending.subarray(0, this.#pendingBytes);
    this.#writingBytes = this.#pendingBytes;
    this.#pendingBytes = 0;
    this.#pendingMessages = 0;
    this.#pending = EMPTY;
    exchange.write(bytes, this.#onWritten);
  }

  readonly #onWritten = (): void => {
    this.#writingBytes = 0;
    if (this.#isStopped) return;
    this.#flush();
    if (this.#room === undefined || !this.#hasRoom()) return;
    this.#room.resolve();
    this.#room = undefined;
  };

  #isFull(): boolean {
    return this.#pendingBytes >= COALESCE_BYTES || this.#pendingMessages >= COALESCE_MESSAGES;
  }

  #hasRoom(): boolean {
    return !this.#isFull() && this.#writingBytes <= LONG_WRITE_BYTES;
  }

  #head(hasMessages: boolean): AnswerHead {
    const head: AnswerHead = [":status", "200", "content-type", this.#codec.contentType(this.#call.format)];
    if (hasMessages && this.#compression !== undefined) head.push(this.#codec.encodingHeader, this.#compression.name);
    appendMetadata(this.#call, head, this.#call.responseHeader);
    return head;
  }
}

/** Of a head that says nothing but the status and the content type. */
const HEAD_LENGTH = 4;

function flushScheduled(writer: AnswerWriter): void {
  writer.flush();
}

function flat(trailers: StreamEnd["trailers"]): string[] {
  return Object.entries(trailers ?? {}).flatMap(([name, values]) => [values].flat().flatMap((value) => [name, value]));
}

function ignore(): void {}
