import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { StreamCodec } from "../../codec/codec.ts";
import type { Exchange } from "../../connection/exchange.ts";
import type { StreamChain } from "../../method/chains.ts";
import type { CallHost } from "../call.ts";
import { type CallParts, HandledCall } from "../handled-call.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { dismiss } from "./handler-output.ts";
import { RequestMessages } from "./request-messages.ts";

/** A streaming call: messages are decoded as the handler asks for them, and answered as it yields them. */
export class StreamCall extends HandledCall<StreamCodec> {
  readonly #messages: RequestMessages;
  readonly #writer: AnswerWriter;

  constructor(host: CallHost, exchange: Exchange, parts: CallParts<StreamCodec>) {
    super(host, exchange, parts);
    this.#messages = new RequestMessages(this);
    this.#writer = new AnswerWriter(this, parts.codec, (error) => {
      host.onError(error);
      exchange.cut();
    });
  }

  data(chunk: Buffer): void {
    if (this.hasEnded) return;
    try {
      this.#messages.push(chunk);
    } catch (error) {
      this.endFromOutside(this.own(error));
    }
  }

  end(): void {
    this.#messages.end();
  }

  /** Messages come and go: there has to be room for each of them. */
  override holdExpanded(bytes: number): void {
    this.exchange.hold(bytes);
    this.exchange.release(bytes);
  }

  received(): void {
    this.host.observers.received(this);
  }

  protected read(): void {
    this.#writer.prepare();
    this.exchange.read(this, false);
    void this.#handle();
  }

  /** What is being written gets some more time. */
  protected override get unwindMs(): number {
    return this.#writer.isWriting ? 1_000 : super.unwindMs;
  }

  protected override abandonHandler(error: ConnectError): boolean {
    this.#messages.stop(error);
    return super.abandonHandler(error);
  }

  protected writeError(error: ConnectError): void {
    this.#writer.end(error);
  }

  protected override finish(error: ConnectError | undefined): boolean {
    if (!super.finish(error)) return false;
    this.#messages.stop(this.abortedBy);
    this.#writer.stop();
    if (error !== undefined) super.abandonHandler(error);
    return true;
  }

  async #handle(): Promise<void> {
    this.isHandling = true;
    try {
      const chain = this.entry.stream as StreamChain;
      const response = await chain(this, this.#messages);
      if (!response.stream) throw new ConnectError("a streaming call was answered as a unary one", Code.Internal);
      this.responseHeader.assign(response.header);
      await this.#sendAll(response.message[Symbol.asyncIterator]());
      if (this.hasEnded) return;
      this.responseTrailer.assign(response.trailer);
      this.#writer.end(undefined);
      this.finish(undefined);
    } catch (error) {
      // What fails once the call is over is not why it is over.
      this.failAsHandled(error instanceof ConnectError ? error : (this.endedBy ?? error));
    }
  }

  /** One message after the other, as the client takes them. */
  async #sendAll(messages: AsyncIterator<Message>): Promise<void> {
    for (;;) {
      const step = await messages.next();
      if (step.done || this.hasEnded) return this.hasEnded ? letGo(messages) : undefined;
      try {
        const room = this.#writer.send(step.value);
        if (room !== undefined) await room;
      } catch (error) {
        void letGo(messages, error);
        throw this.own(error);
      }
      if (this.hasEnded) return letGo(messages);
      this.host.observers.sent(this);
    }
  }
}

/** The handler's part, and what interceptors have put around it, hears that it is over, and why; it may take its time. */
async function letGo(messages: AsyncIterator<Message>, error?: unknown): Promise<void> {
  try {
    await (error === undefined ? messages.next() : messages.throw?.(error));
  } catch {
    // It is over already.
  }
  await dismiss(messages);
}
