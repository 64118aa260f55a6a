import { channel } from "node:diagnostics_channel";
import { Code, ConnectError, type Interceptor, type StreamRequest, type StreamResponse } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { CodecCall } from "../codec/codec.ts";
import type { MessageFormat } from "../codec/message-format.ts";
import { appendStreamHeaders, streamTrailers } from "../codec/metadata.ts";
import { failStream, readEndOfStream } from "../codec/stream-error.ts";
import { parseConnectTimeout, parseGrpcTimeout } from "../codec/timeout.ts";
import type { AnswerHead, Exchange } from "../connection/exchange.ts";
import type { Resolution } from "../request/resolver.ts";
import { Call, type CallHost } from "./call.ts";
import { CallHeaders } from "./call-headers.ts";
import { timeoutRefused, toConnectError, tooMuchHeld } from "./errors.ts";
import { CALL } from "./intercepted-call.ts";
import { orAbort, untilAborted } from "./until-aborted.ts";

/** Tells who counts them that a call is served by connect-es's own handler: `{ method: DescMethod }`. */
const connectHandlerChannel = channel("grpc-service-template:rpc-server:connect-es-handler");

/** Above this, request bytes wait in the socket until the handler has read some. */
const QUEUE_BYTES = 64 * 1024;

/** A streaming call, which connect-es's own handler of its protocol reads and writes. */
export class StreamCall extends Call implements CodecCall {
  readonly protocol: "grpc" | "grpc-web" | "connect";
  readonly format: MessageFormat;
  readonly requestCompression = undefined;
  readonly acceptedCompressions = null;
  readonly responseHeader = new CallHeaders();
  readonly responseTrailer = new CallHeaders();
  readonly #handler: UniversalHandler;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #bodyHasEnded = false;
  #hasBegun = false;
  #wake: (() => void) | undefined;
  #stopWriting: ((reason: unknown) => void) | undefined;
  #lastPart: Uint8Array | undefined;
  /** What the interceptors let through to the client. */
  #outcome: ConnectError | undefined;

  constructor(host: CallHost, exchange: Exchange, { entry, protocol, format }: Resolution) {
    super(host, exchange, entry);
    this.protocol = protocol;
    this.format = format;
    this.#handler = entry.stream as UniversalHandler;
  }

  start(): void {
    this.begin();
    const { headers } = this.exchange;
    try {
      const timeoutMs =
        this.protocol === "connect"
          ? parseConnectTimeout(headers.lookup("connect-timeout-ms"))
          : parseGrpcTimeout(headers.lookup("grpc-timeout"));
      if (timeoutMs !== undefined && timeoutMs > this.entry.refuseTimeoutAboveMs) {
        throw timeoutRefused(timeoutMs, this.entry.refuseTimeoutAboveMs);
      }
      this.startDeadline(timeoutMs);
    } catch (error) {
      this.fail(this.host.mapError(toConnectError(error)));
    }
    if (this.hasEnded) return;
    connectHandlerChannel.publish({ method: this.entry.method });
    this.exchange.read(this, false);
    void this.#serve();
  }

  data(chunk: Buffer): void {
    if (this.hasEnded) return;
    if (!this.exchange.connection.budget.tryHold(chunk.length)) {
      this.endFromOutside(tooMuchHeld());
      return;
    }
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes > QUEUE_BYTES) this.exchange.pause();
    this.#wake?.();
  }

  end(): void {
    this.#bodyHasEnded = true;
    this.#wake?.();
  }

  /** The outermost interceptor of streaming calls: counts messages, and sees how the call ends. */
  static readonly observe: Interceptor = (next) => async (request) => {
    const call = (request.contextValues as { [CALL]?: unknown })[CALL];
    if (!(call instanceof StreamCall) || !request.stream) return next(request);
    return call.#observed(request, next as (request: StreamRequest) => Promise<StreamResponse>);
  };

  /** The innermost one: ends the call with its signal's reason, also when the handler takes no notice. */
  static readonly endOnAbort: Interceptor = (next) => async (request) => {
    const { signal } = request;
    const response = await orAbort(next(request), signal);
    return response.stream ? { ...response, message: untilAborted(response.message, signal) } : response;
  };

  /** For the end of the stream to be written. */
  protected override readonly unwindMs = 1_000;

  /** The handler's part ends by the signal; a client that does not read its end is cut off. */
  protected abandonHandler(): boolean {
    return true;
  }

  protected writeError(error: ConnectError): void {
    if (this.#hasBegun) this.exchange.cut();
    else failStream(this, this.protocol, error);
  }

  protected override finish(error: ConnectError | undefined): boolean {
    this.#release(this.#queuedBytes);
    this.#queue = [];
    const ended = super.finish(error);
    this.#wake?.();
    this.#stopWriting?.(error);
    return ended;
  }

  async #serve(): Promise<void> {
    try {
      const response = await this.#handler({
        httpVersion: this.httpVersion,
        method: this.exchange.method,
        url: `http://${this.exchange.host}${this.exchange.target}`,
        header: this.#handlerHeaders(),
        body: this.#body(),
        signal: this.controller.signal,
        contextValues: this.contextValues,
      });
      await this.#answer(response);
      this.finish(this.#outcome ?? this.#statusOf(response));
    } catch (error) {
      if (this.hasEnded) return;
      this.host.onError(error);
      this.exchange.cut();
      this.finish(toConnectError(error));
    }
  }

  async #answer({ status, header, body, trailer }: UniversalServerResponse): Promise<void> {
    const head: AnswerHead = [":status", String(status)];
    if (header !== undefined) appendStreamHeaders(this, head, header);
    const parts = (body ?? noParts())[Symbol.asyncIterator]();
    try {
      await this.#sendParts(head, parts, trailer, header);
    } finally {
      // However it ended, the handler cleans up. Not awaited: it may be busy.
      parts.return?.().catch(() => {});
    }
  }

  async #sendParts(
    head: AnswerHead,
    parts: AsyncIterator<Uint8Array>,
    trailer: Headers | undefined,
    header: Headers | undefined,
  ): Promise<void> {
    const first = await parts.next();
    if (this.hasEnded) return;
    this.#hasBegun = true;
    const trailers = () => (trailer === undefined ? undefined : streamTrailers(this, trailer));
    const isError = first.done && trailer !== undefined && trailer.get("grpc-status") !== "0";
    if (isError && !hasMetadata(header)) {
      // Trailers-Only: in one frame, since a client whose request is refused may stop listening after the first.
      this.exchange.respond([...head, ...Object.entries(trailers() ?? {}).flat()]);
    } else if (!first.done && this.protocol !== "grpc" && isEndOfStream(first.value)) {
      this.#lastPart = first.value;
      this.exchange.respond(head, first.value);
    } else {
      this.exchange.begin(head);
      for (let part = first; !part.done; part = await parts.next()) {
        this.#lastPart = part.value;
        await this.#write(part.value);
      }
      this.exchange.end(trailers());
    }
  }

  /** A write that waits for its client ends with the call. */
  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stopWriting = reject;
      this.exchange.write(bytes).then(resolve, reject);
    });
  }

  /** What the client was told by somebody else than the interceptors, as far as it can be seen. */
  #statusOf({ status, trailer }: UniversalServerResponse): ConnectError | undefined {
    const code = Number(trailer?.get("grpc-status") ?? 0);
    if (code !== 0) return new ConnectError(decodeURIComponent(trailer?.get("grpc-message") ?? ""), code);
    const ended = this.#lastPart === undefined ? undefined : readEndOfStream(this.protocol, this.#lastPart);
    if (ended !== undefined) return ended;
    return status === 200 ? undefined : new ConnectError(`HTTP status ${status}`, Code.Unknown);
  }

  /** connect-es reads the timeout too: it is given the one that holds. */
  #handlerHeaders(): Headers {
    const headers = new Headers(this.exchange.headers);
    const remainingMs = this.remainingMs();
    headers.delete("grpc-timeout");
    headers.delete("connect-timeout-ms");
    if (remainingMs !== undefined && remainingMs < MAX_TIMER_MS) {
      const whole = Math.max(0, Math.ceil(remainingMs));
      if (this.protocol === "connect") headers.set("connect-timeout-ms", String(whole));
      else headers.set("grpc-timeout", whole < 1e8 ? `${whole}m` : `${Math.ceil(whole / 1000)}S`);
    }
    return headers;
  }

  async *#body(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#release(chunk.length);
        if (this.#queuedBytes <= QUEUE_BYTES) this.exchange.resume();
        yield chunk;
      } else if (this.controller.signal.aborted) {
        throw this.controller.signal.reason;
      } else if (this.#bodyHasEnded) {
        return;
      } else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await orAbort(promise, this.controller.signal);
      }
    }
  }

  #release(bytes: number): void {
    this.#queuedBytes -= bytes;
    this.exchange.connection.budget.release(bytes);
  }

  async #observed(
    request: StreamRequest,
    next: (request: StreamRequest) => Promise<StreamResponse>,
  ): Promise<StreamResponse> {
    const { observers } = this.host;
    try {
      const response = await next({ ...request, message: tap(request.message, () => observers.received(this)) });
      if (!response.stream) throw new ConnectError("a streaming call was answered as a unary one", Code.Internal);
      const sent = tap(response.message, () => observers.sent(this));
      return { ...response, message: this.#observeEnd(sent, request.signal) };
    } catch (error) {
      throw this.#noteOutcome(error, request.signal);
    }
  }

  async *#observeEnd<T>(messages: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
    try {
      yield* messages;
    } catch (error) {
      throw this.#noteOutcome(error, signal);
    }
  }

  #noteOutcome(error: unknown, signal: AbortSignal): ConnectError {
    // What a write failed with once the call was over is not why it was over.
    const isCause = error instanceof ConnectError || this.endedBy === undefined;
    // The signal's reason, since connect-es has a timer of its own for the deadline, which may be the first.
    this.#outcome = this.toTold(isCause ? error : this.endedBy, signal.aborted ? signal.reason : this.endedBy);
    return this.#outcome;
  }
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/** Marks the last envelope of gRPC-Web and of Connect. */
const END_OF_STREAM_FLAGS = 0x80 | 0b10;

function isEndOfStream([flags = 0]: Uint8Array): boolean {
  return (flags & END_OF_STREAM_FLAGS) !== 0;
}

function hasMetadata(header: Headers | undefined): boolean {
  return [...(header?.keys() ?? [])].some((name) => name !== "content-type" && name !== "grpc-encoding");
}

async function* noParts(): AsyncGenerator<Uint8Array, void> {}

async function* tap<T>(messages: AsyncIterable<T>, onMessage: () => void): AsyncGenerator<T> {
  for await (const message of messages) {
    onMessage();
    yield message;
  }
}
