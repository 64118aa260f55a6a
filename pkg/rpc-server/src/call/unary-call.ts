import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import type { ConnectError, HandlerContext, StreamRequest, UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import type { CodecCall, UnaryCodec } from "../codec/codec.ts";
import type { Compression } from "../codec/compression.ts";
import { PREFIX_BYTES } from "../codec/envelope.ts";
import type { MessageFormat } from "../codec/message-format.ts";
import type { Exchange } from "../connection/exchange.ts";
import type { Resolution } from "../request/resolver.ts";
import { Call, type CallHost, toCallHeaders } from "./call.ts";
import { CallHeaders } from "./call-headers.ts";
import { timeoutRefused, toConnectError, tooMuchHeld } from "./errors.ts";
import { CALL, type InterceptedCall } from "./intercepted-call.ts";
import type { UnaryChain } from "./method-entry.ts";

const EMPTY = Buffer.alloc(0);
const NO_TIMEOUT = () => undefined;

/** A unary call: its body is read whole, decoded, handled, and answered in one go. */
export class UnaryCall extends Call implements CodecCall, InterceptedCall {
  readonly format: MessageFormat;
  requestCompression: Compression | undefined;
  acceptedCompressions: string | null = null;
  responseHeader: CallHeaders;
  responseTrailer = new CallHeaders();
  readonly #codec: UnaryCodec;
  /** The body, and room for more of it: a body of many small chunks must not cost many small buffers. */
  #body: Buffer = EMPTY;
  #bodyBytes = 0;
  #heldBytes = 0;
  #abandon: ((error: ConnectError) => void) | undefined;
  #isHandling = false;

  constructor(host: CallHost, exchange: Exchange, { entry, codec, format }: Resolution) {
    super(host, exchange, entry);
    this.#codec = codec;
    this.format = format;
    this.responseHeader = new CallHeaders(["content-type", codec.contentType(format)]);
  }

  get protocol(): "grpc" | "grpc-web" | "connect" {
    return this.#codec.protocol;
  }

  start(): void {
    this.begin();
    try {
      const timeoutMs = this.#codec.timeoutMs(this);
      if (timeoutMs !== undefined && timeoutMs > this.entry.refuseTimeoutAboveMs) {
        throw timeoutRefused(timeoutMs, this.entry.refuseTimeoutAboveMs);
      }
      this.startDeadline(timeoutMs);
      this.#codec.begin(this);
    } catch (error) {
      this.#refuse(error);
    }
    if (this.hasEnded) return;
    if (this.entry.requestGate === undefined) this.exchange.read(this, true);
    else void this.#passGate(this.entry.requestGate);
  }

  data(chunk: Buffer): void {
    if (this.hasEnded) return;
    const hadPrefix = this.#bodyBytes >= PREFIX_BYTES;
    this.#append(chunk);
    try {
      this.#codec.checkBody(this, this.#body.subarray(0, this.#bodyBytes), !hadPrefix);
      if (this.#bodyBytes > this.#codec.maxBodyBytes(this)) throw this.#codec.overflow(this);
      if (!this.exchange.connection.budget.tryHold(chunk.length)) throw tooMuchHeld();
      this.#heldBytes += chunk.length;
    } catch (error) {
      this.#refuse(error);
    }
  }

  end(): void {
    if (this.hasEnded) return;
    try {
      const message = this.#codec.decode(this, this.#body.subarray(0, this.#bodyBytes));
      if (message instanceof Promise)
        message.then((decoded) => this.#handle(decoded)).catch((error) => this.#refuse(error));
      else void this.#handle(message);
    } catch (error) {
      this.#refuse(error);
    }
  }

  contextFor(request: UnaryRequest | StreamRequest): HandlerContext {
    return {
      method: this.entry.method,
      service: request.service,
      requestMethod: this.exchange.method,
      protocolName: this.protocol,
      url: this.#url(),
      signal: request.signal,
      timeoutMs: this.expiresMs === Number.POSITIVE_INFINITY ? NO_TIMEOUT : () => this.wholeMs(),
      requestHeader: request.header,
      responseHeader: this.responseHeader,
      responseTrailer: this.responseTrailer,
      values: request.contextValues,
    };
  }

  guard<T>(output: T | PromiseLike<T>): T | Promise<T> {
    if (!isPromiseLike(output)) return output;
    return new Promise((resolve, reject) => {
      // An interceptor may call the handler more than once.
      const earlier = this.#abandon;
      this.#abandon = (error) => {
        earlier?.(error);
        reject(error);
      };
      output.then(resolve, reject);
      if (this.endedBy !== undefined) reject(this.endedBy);
    });
  }

  protected abandonHandler(error: ConnectError): boolean {
    this.#abandon?.(error);
    return this.#isHandling;
  }

  protected writeError(error: ConnectError): void {
    this.#codec.fail(this, error);
  }

  protected override finish(error: ConnectError | undefined): boolean {
    this.#letGo();
    return super.finish(error);
  }

  async #passGate(gate: (context: HandlerContext) => void | Promise<void>): Promise<void> {
    this.#isHandling = true;
    try {
      await this.guard(gate(this.contextFor(this.#request(undefined))));
    } catch (error) {
      this.fail(this.toTold(error, this.endedBy));
    }
    this.#isHandling = false;
    if (!this.hasEnded) this.exchange.read(this, true);
  }

  async #handle(message: Message): Promise<void> {
    if (this.hasEnded) return;
    this.#letGo();
    this.host.observers.received(this);
    this.#isHandling = true;
    try {
      const chain = this.entry.unary as UnaryChain;
      const answered = this.#answer(await chain(this.#request(message)));
      if (answered !== undefined) await answered;
    } catch (error) {
      this.fail(this.toTold(error, this.endedBy));
    }
  }

  /** A promise only where the answer has to wait for something: its compression. */
  #answer(response: UnaryResponse): Promise<void> | undefined {
    if (this.hasEnded) return undefined;
    if (response.header !== this.responseHeader) this.responseHeader = toCallHeaders(response.header);
    if (response.trailer !== this.responseTrailer) this.responseTrailer = toCallHeaders(response.trailer);
    try {
      const written = this.#codec.respond(this, response.message);
      if (written instanceof Promise) return written.then(() => this.#answered()).catch((error) => this.#refuse(error));
      this.#answered();
    } catch (error) {
      this.#refuse(error);
    }
    return undefined;
  }

  #answered(): void {
    if (this.hasEnded) return;
    this.host.observers.sent(this);
    this.finish(undefined);
  }

  /** Ends the call with an error of the server's own. */
  #refuse(error: unknown): void {
    // First, for the answer needs room too.
    this.#letGo();
    this.fail(this.host.mapError(toConnectError(error)));
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

  /** The body is read, or not wanted any more. */
  #letGo(): void {
    this.#body = EMPTY;
    if (this.#heldBytes > 0) this.exchange.connection.budget.release(this.#heldBytes);
    this.#heldBytes = 0;
  }

  #request(message: Message | undefined): UnaryRequest {
    return {
      stream: false,
      service: this.entry.service,
      method: this.entry.method as DescMethodUnary,
      requestMethod: this.exchange.method,
      url: this.#url(),
      signal: this.controller.signal,
      header: this.exchange.headers,
      contextValues: this.contextValues,
      message,
      [CALL]: this,
    } as UnaryRequest;
  }

  #url(): string {
    return `http://${this.exchange.host}${this.exchange.target}`;
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null)?.then === "function";
}
