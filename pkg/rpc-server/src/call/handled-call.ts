import type { Message } from "@bufbuild/protobuf";
import type { ConnectError, HandlerContext, StreamRequest, UnaryRequest } from "@connectrpc/connect";
import type { Codec, CodecCall, ProtocolName } from "../codec/codec.ts";
import type { Compression } from "../codec/encoding/compression.ts";
import type { MessageFormat } from "../codec/encoding/message-format.ts";
import type { Exchange } from "../connection/exchange.ts";
import { CALL, type HandlerRequest, type InterceptedCall } from "../method/intercepted-call.ts";
import type { MethodEntry } from "../method/method-entry.ts";
import { Call, type CallHost } from "./call.ts";
import { CallHeaders } from "./call-headers.ts";
import { timeoutRefused, toConnectError } from "./errors.ts";

const NO_TIMEOUT = () => undefined;

/** A context whose signal is made when it is first looked at; a property of its own all the same, so that `{...context}` has it. */
const SIGNAL_WHEN_READ: ProxyHandler<LazyContext> = {
  get(context, name) {
    return name === "signal" ? signalOf(context) : context[name as keyof LazyContext];
  },
  getOwnPropertyDescriptor(context, name) {
    if (name === "signal") signalOf(context);
    return Object.getOwnPropertyDescriptor(context, name);
  },
};

function signalOf(context: LazyContext): AbortSignal {
  context.signal ??= context[CALL].signal;
  return context.signal;
}

type LazyContext = Omit<HandlerContext, "signal"> & {
  signal: AbortSignal | undefined;
  readonly [CALL]: { readonly signal: AbortSignal };
};

/** What a call is made of, whatever its kind. */
export interface CallParts<C extends Codec> {
  readonly entry: MethodEntry;
  readonly codec: C;
  readonly format: MessageFormat;
}

/** What unary and streaming calls have in common: how a codec, interceptors and the handler see them. */
export abstract class HandledCall<C extends Codec> extends Call implements CodecCall, InterceptedCall {
  readonly format: MessageFormat;
  requestCompression: Compression | undefined;
  acceptedCompressions: string | null = null;
  responseHeader: CallHeaders;
  responseTrailer = new CallHeaders();
  protected readonly codec: C;
  /** Whether a gate, interceptors or the handler are running. */
  protected isHandling = false;
  #abandon: ((error: ConnectError) => void) | undefined;
  #ownError: ConnectError | undefined;

  constructor(host: CallHost, exchange: Exchange, { entry, codec, format }: CallParts<C>) {
    super(host, exchange, entry);
    this.codec = codec;
    this.format = format;
    this.responseHeader = new CallHeaders(["content-type", codec.contentType(format)]);
  }

  get protocol(): ProtocolName {
    return this.codec.protocol;
  }

  start(): void {
    this.begin();
    try {
      const timeoutMs = this.codec.timeoutMs(this);
      if (timeoutMs !== undefined && timeoutMs > this.entry.refuseTimeoutAboveMs) {
        throw timeoutRefused(timeoutMs, this.entry.refuseTimeoutAboveMs);
      }
      this.startDeadline(timeoutMs);
      this.codec.begin(this);
    } catch (error) {
      this.failByServer(error);
    }
    if (this.hasEnded) return;
    if (this.entry.requestGate === undefined) this.read();
    else void this.#passGate(this.entry.requestGate);
  }

  ownContext(): HandlerContext {
    const { header, contextValues } = this;
    const context = this.contextFor({ signal: undefined, header, contextValues });
    return new Proxy<LazyContext>(context, SIGNAL_WHEN_READ) as HandlerContext;
  }

  contextFor<S extends AbortSignal | undefined>(request: HandlerRequest<S>) {
    return {
      method: this.entry.method,
      service: this.entry.service,
      requestMethod: this.exchange.method,
      protocolName: this.protocol,
      url: this.#url(),
      signal: request.signal,
      timeoutMs: this.expiresMs === Number.POSITIVE_INFINITY ? NO_TIMEOUT : () => this.wholeMs(),
      requestHeader: request.header,
      responseHeader: this.responseHeader,
      responseTrailer: this.responseTrailer,
      values: request.contextValues,
      [CALL]: this as { readonly signal: AbortSignal },
    };
  }

  guard<T, R>(output: T | PromiseLike<T>, use: (settled: T) => R): Promise<R> {
    // One promise for all: async functions, and then() after then(), have one each.
    return new Promise((resolve, reject) => {
      if (!isPromiseLike(output)) return resolve(use(output));
      output.then((settled) => {
        try {
          resolve(use(settled));
        } catch (error) {
          reject(error);
        }
      }, reject);
      this.whenAbandoned(reject);
    });
  }

  whenAbandoned(listener: (error: ConnectError) => void): void {
    // An interceptor may call the handler more than once.
    const earlier = this.#abandon;
    this.#abandon =
      earlier === undefined
        ? listener
        : (error) => {
            earlier(error);
            listener(error);
          };
    if (this.endedBy !== undefined) listener(this.endedBy);
  }

  own(error: unknown): ConnectError {
    this.#ownError = toConnectError(error);
    return this.#ownError;
  }

  /** Until the exchange is over, as handlers may keep the message for as long. */
  holdExpanded(bytes: number): void {
    this.exchange.hold(bytes);
  }

  /** Reads the request, and handles it. */
  protected abstract read(): void;

  protected abandonHandler(error: ConnectError): boolean {
    this.#abandon?.(error);
    return this.isHandling;
  }

  /**
   * Ends the call with what interceptors and handler have thrown. When that is nothing but an error of the server's own,
   * which they did not put in their words, it passes through `mapError`.
   */
  protected failAsHandled(error: unknown): void {
    const told = toConnectError(error);
    const isOwn = error !== undefined && (error === this.endedBy || error === this.#ownError);
    this.fail(isOwn ? this.host.mapError(told, this) : told);
  }

  /** Ends the call with an error of the server's own. */
  protected failByServer(error: unknown): void {
    this.fail(this.host.mapError(toConnectError(error), this));
  }

  requestOf(message: Message | AsyncIterable<Message>): UnaryRequest | StreamRequest {
    return {
      stream: this.entry.stream !== undefined,
      service: this.entry.service,
      method: this.entry.method,
      requestMethod: this.exchange.method,
      url: this.#url(),
      signal: this.signal,
      header: this.exchange.headers,
      contextValues: this.contextValues,
      message,
      [CALL]: this,
    } as UnaryRequest | StreamRequest;
  }

  async #passGate(gate: (context: HandlerContext) => void | Promise<void>): Promise<void> {
    this.isHandling = true;
    this.exchange.watch(this);
    try {
      await this.guard(gate(this.ownContext()), ignoreOutput);
    } catch (error) {
      this.failAsHandled(error);
    }
    this.isHandling = false;
    if (!this.hasEnded) this.read();
  }

  #url(): string {
    return `http://${this.exchange.host}${this.exchange.target}`;
  }
}

function ignoreOutput(): void {}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null)?.then === "function";
}
