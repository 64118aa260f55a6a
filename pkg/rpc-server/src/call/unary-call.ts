import type { Message } from "@bufbuild/protobuf";
import type { ConnectError, UnaryResponse } from "@connectrpc/connect";
import type { UnaryCodec } from "../codec/codec.ts";
import { PREFIX_BYTES } from "../codec/encoding/envelope.ts";
import type { UnaryChain } from "../method/chains.ts";
import { tooMuchHeld } from "./errors.ts";
import { HandledCall } from "./handled-call.ts";

const EMPTY = Buffer.alloc(0);

/** A unary call: its body is read whole, decoded, handled, and answered in one go. */
export class UnaryCall extends HandledCall<UnaryCodec> {
  /** The body, and room for more of it: a body of many small chunks must not cost many small buffers. */
  #body: Buffer = EMPTY;
  #bodyBytes = 0;
  #heldBytes = 0;

  data(chunk: Buffer): void {
    if (this.hasEnded || this.codec.ignoresBody) return;
    const hadPrefix = this.#bodyBytes >= PREFIX_BYTES;
    this.#append(chunk);
    try {
      this.codec.checkBody(this, this.#received(), !hadPrefix);
      if (this.#bodyBytes > this.codec.maxBodyBytes(this)) throw this.codec.overflow(this);
      if (!this.exchange.connection.budget.tryHold(chunk.length)) throw tooMuchHeld();
      this.#heldBytes += chunk.length;
    } catch (error) {
      this.failByServer(error);
    }
  }

  end(): void {
    if (this.hasEnded) return;
    try {
      const message = this.codec.decode(this, this.#received());
      if (message instanceof Promise)
        message.then((decoded) => this.#handle(decoded)).catch((error) => this.failByServer(error));
      else this.#handle(message);
    } catch (error) {
      this.failByServer(error);
    }
  }

  protected read(): void {
    this.exchange.read(this, true);
  }

  protected writeError(error: ConnectError): void {
    // First, so that there is room for the error when there was none for the body.
    this.#letGo();
    this.codec.fail(this, error);
  }

  protected override finish(error: ConnectError | undefined): boolean {
    this.#letGo();
    return super.finish(error);
  }

  #handle(message: Message): void {
    if (this.hasEnded || this.endIfOver()) return;
    this.#letGo();
    this.host.observers.received(this);
    this.isHandling = true;
    try {
      const chain = this.entry.unary as UnaryChain;
      chain(this, message).then(
        (response) => this.#answer(response),
        (error) => this.failAsHandled(error),
      );
    } catch (error) {
      // An interceptor that is no async function.
      this.failAsHandled(error);
    }
  }

  #answer(response: UnaryResponse): void {
    if (this.hasEnded) return;
    try {
      this.responseHeader.assign(response.header);
      this.responseTrailer.assign(response.trailer);
      const written = this.codec.respond(this, response.message);
      if (written instanceof Promise) {
        written.then(() => this.#answered()).catch((error) => this.failByServer(error));
      } else this.#answered();
    } catch (error) {
      this.failByServer(error);
    }
  }

  #answered(): void {
    if (this.hasEnded) return;
    this.host.observers.sent(this);
    this.finish(undefined);
  }

  #append(chunk: Buffer): void {
    const bytes = this.#bodyBytes + chunk.length;
    if (this.#bodyBytes === 0) {
      this.#body = chunk;
    } else {
      if (bytes > this.#body.length) {
        const larger = Buffer.allocUnsafe(Math.max(bytes, 2 * this.#body.length));
        larger.set(this.#body.subarray(0, this.#bodyBytes));
        this.#body = larger;
      }
      this.#body.set(chunk, this.#bodyBytes);
    }
    this.#bodyBytes = bytes;
  }

  /** What there is of the body. */
  #received(): Buffer {
    // Most bodies come in one piece, and a view of a buffer is not free.
    return this.#body.length === this.#bodyBytes ? this.#body : this.#body.subarray(0, this.#bodyBytes);
  }

  /** The body is read, or not wanted any more. */
  #letGo(): void {
    this.#body = EMPTY;
    if (this.#heldBytes > 0) this.exchange.connection.budget.release(this.#heldBytes);
    this.#heldBytes = 0;
  }
}
