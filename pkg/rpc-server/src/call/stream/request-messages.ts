import type { Message } from "@bufbuild/protobuf";
import type { CodecCall } from "../../codec/codec.ts";
import { incompleteMessage } from "../../codec/encoding/envelope.ts";
import { EnvelopeReader } from "../../codec/encoding/envelope-reader.ts";
import { tooMuchHeld } from "../errors.ts";

/** Above this, request bytes wait in the socket until the handler has read some. */
const QUEUE_BYTES = 64 * 1024;

/** The call whose request is read. */
interface Reading extends CodecCall {
  /** A message was read and decoded. */
  received(): void;
  /** Marks an error as the server's own. */
  own(error: unknown): Error;
}

type Step = IteratorResult<Message, undefined>;

interface Waiter {
  readonly resolve: (step: Step | Promise<Step>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: Step = { done: true, value: undefined };

/** The messages of a streaming request, each decoded when the handler asks for it. */
export class RequestMessages implements AsyncIterableIterator<Message, undefined> {
  readonly #call: Reading;
  readonly #reader = new EnvelopeReader();
  readonly #waiters: Waiter[] = [];
  #bodyHasEnded = false;
  #isPaused = false;
  #isOver = false;
  #failure: unknown;

  constructor(call: Reading) {
    this.#call = call;
  }

  /** A part of the body. @throws ConnectError RESOURCE_EXHAUSTED when there is no room to hold it */
  push(chunk: Buffer): void {
    if (this.#isOver) return;
    const { exchange } = this.#call;
    if (!exchange.connection.budget.tryHold(chunk.length)) throw tooMuchHeld();
    this.#reader.append(chunk);
    if (this.#waiters.length > 0) this.#wake();
    // Somebody who waits for a message gets it, however long it is.
    if (this.#waiters.length === 0 && this.#reader.heldBytes > QUEUE_BYTES) {
      this.#isPaused = true;
      exchange.pause();
    }
  }

  /** The body is whole. */
  end(): void {
    this.#bodyHasEnded = true;
    this.#wake();
  }

  /** Whoever waits for a message, or asks for one, gets this error instead. */
  stop(reason: unknown): void {
    if (!this.#isOver) this.#fail(reason);
    for (const { reject } of this.#waiters.splice(0)) reject(reason);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    if (this.#waiters.length === 0) {
      try {
        const step = this.#step();
        if (step !== undefined) return step instanceof Promise ? step : Promise.resolve(step);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    this.#resume();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** The handler wants no more: what still comes is thrown away. */
  return(): Promise<Step> {
    this.#over();
    return Promise.resolve(DONE);
  }

  #wake(): void {
    while (this.#waiters.length > 0) {
      try {
        const step = this.#step();
        if (step === undefined) return;
        this.#waiters.shift()?.resolve(step);
      } catch (error) {
        this.#waiters.shift()?.reject(error);
      }
    }
  }

  /** The next step if it can be made; undefined when more of the body has to come. */
  #step(): Step | Promise<Step> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isOver) return DONE;
    const reader = this.#reader;
    const heldBytes = reader.heldBytes;
    let message: Message | Promise<Message> | undefined;
    try {
      message = reader.read(this.#call);
      if (message === undefined && this.#bodyHasEnded && heldBytes > 0) throw incompleteMessage();
    } catch (error) {
      // The message that cannot be taken is read all the same.
      this.#release(heldBytes - reader.heldBytes);
      throw this.#fail(this.#call.own(error));
    }
    if (message !== undefined) {
      this.#release(heldBytes - reader.heldBytes);
      return message instanceof Promise ? this.#decompressed(message) : this.#received(message);
    }
    if (!this.#bodyHasEnded) return undefined;
    this.#isOver = true;
    return DONE;
  }

  async #decompressed(message: Promise<Message>): Promise<Step> {
    let decoded: Message;
    try {
      decoded = await message;
    } catch (error) {
      throw this.#fail(this.#call.own(error));
    }
    return this.#received(decoded);
  }

  #received(message: Message): Step {
    this.#call.received();
    return { done: false, value: message };
  }

  #fail(error: unknown): unknown {
    this.#failure ??= error;
    this.#over();
    return error;
  }

  #over(): void {
    this.#isOver = true;
    this.#release(this.#reader.heldBytes);
    this.#reader.clear();
  }

  #release(bytes: number): void {
    this.#call.exchange.connection.budget.release(bytes);
    if (this.#isOver || this.#reader.heldBytes <= QUEUE_BYTES) this.#resume();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#call.exchange.resume();
  }
}
