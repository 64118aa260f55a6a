import type { CallHeaders } from "../call/call-headers.ts";
import { tooMuchHeld } from "../call/errors.ts";
import type { Linked } from "../linked-list.ts";
import type { Connection, ExchangeLimits, TimedExchange } from "./connection.ts";
import type {
  AnswerBody,
  AnswerHead,
  AnswerTrailers,
  Exchange,
  NodeRequest,
  NodeResponse,
  RequestSink,
} from "./exchange.ts";

/** Larger answers are written in slices, each when the one before is out: so it shows whether the client reads. */
export const SLICE_BYTES = 64 * 1024;

/** For a client to read its answer, when its body was too late, or the server is to end: nobody waits for the rest of the body. */
const SHORT_LINGER_MS = 1_000;

/** A body's rate counts from then on. */
const RATE_GRACE_MS = 5_000;

/** What exchanges of both versions of HTTP have in common: who reads, what is held, what takes too long. */
export abstract class BaseExchange implements Exchange, TimedExchange {
  readonly connection: Connection;
  abstract readonly httpVersion: "1.0" | "1.1" | "2";
  abstract readonly method: string;
  abstract readonly target: string;
  abstract readonly host: string | undefined;
  abstract readonly namesHost: boolean;
  abstract readonly headers: CallHeaders;
  /** For every answer: CORS headers. */
  commonHeaders: readonly string[] = [];
  previous: Linked | undefined;
  next: Linked | undefined;

  #sink: RequestSink | undefined;
  #isTimely = false;
  #hasEnded = false;
  #readSinceMs = 0;
  #readBytes = 0;
  /** Since when nothing of what was written has moved; 0 while nothing waits. */
  #sendingSinceMs = 0;
  #heldBytes = 0;
  /** Since when what comes of the body is thrown away; 0 while it is read. */
  #discardingSinceMs = 0;
  #wasLate = false;
  #isAnswered = false;

  constructor(connection: Connection) {
    this.connection = connection;
    connection.opened(this);
  }

  watch(sink: RequestSink): void {
    this.#sink = sink;
  }

  read(sink: RequestSink, timely: boolean): void {
    this.#sink = sink;
    this.#isTimely = timely;
    if (timely) this.#readSinceMs = this.connection.nowMs;
    this.startReading();
  }

  discard(): void {
    this.#isAnswered = true;
    this.#sink = undefined;
    if (this.#hasEnded) return;
    this.#discardingSinceMs = this.connection.nowMs;
    this.resume();
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.#writeFrom(bytes, 0, done);
  }

  #writeFrom(bytes: Uint8Array, from: number, done: () => void): void {
    const to = Math.min(from + SLICE_BYTES, bytes.length);
    this.#sendingSinceMs = this.connection.nowMs;
    this.writePart(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), () => {
      this.release(to - from);
      if (to < bytes.length) return this.#writeFrom(bytes, to, done);
      // After the end of the answer, the rest of it still has to move.
      this.#sendingSinceMs = this.#isAnswered ? this.connection.nowMs : 0;
      done();
    });
  }

  /**
   * Called every now and then. A body that is late is its reader's business; an answer that does not move, and a request
   * that does not end within another `bodyTimeoutMs` after its answer, ends the exchange.
   */
  checkTimes(nowMs: number, limits: ExchangeLimits): void {
    if (this.#sendingSinceMs > 0 && nowMs - this.#sendingSinceMs > limits.sendTimeoutMs) {
      this.connection.onStall?.();
      this.cut();
    } else if (this.#discardingSinceMs > 0 && !this.#hasEnded) {
      const lingerMs = this.#wasLate || this.connection.isDraining ? SHORT_LINGER_MS : limits.bodyTimeoutMs;
      if (nowMs - this.#discardingSinceMs > lingerMs) this.cut();
    } else if (this.#isTimely && this.#sink !== undefined) this.#checkBody(this.#sink, nowMs, limits);
  }

  #checkBody(sink: RequestSink, nowMs: number, limits: ExchangeLimits): void {
    const readMs = nowMs - this.#readSinceMs;
    const wantedBytes = ((readMs - RATE_GRACE_MS) / 1_000) * limits.minBodyBytesPerSecond;
    if (readMs <= limits.bodyTimeoutMs && this.#readBytes >= wantedBytes) return;
    this.#wasLate = true;
    sink.late();
  }

  /** Whether the body is whole. */
  protected get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether the body did not come in time: its connection is not worth keeping. */
  protected get wasLate(): boolean {
    return this.#wasLate;
  }

  abstract sayContinue(): void;
  abstract pause(): void;
  abstract resume(): void;
  abstract respond(head: AnswerHead, body?: AnswerBody, trailers?: AnswerTrailers): void;
  abstract begin(head: AnswerHead): void;
  abstract end(trailers?: AnswerTrailers): void;
  abstract cut(): void;
  abstract toNode(): { request: NodeRequest; response: NodeResponse };

  protected abstract startReading(): void;
  protected abstract writePart(bytes: Uint8Array, done: () => void): void;
  protected abstract writeLast(bytes: Uint8Array): void;

  hold(bytes: number): void {
    if (!this.connection.budget.tryHold(bytes)) throw tooMuchHeld();
    this.#heldBytes += bytes;
  }

  release(bytes: number): void {
    const released = Math.min(bytes, this.#heldBytes);
    this.#heldBytes -= released;
    this.connection.budget.release(released);
  }

  /** A large body, each slice when the one before is out. */
  protected sendSlices(answer: AnswerBody, from = 0): void {
    const body = typeof answer === "string" ? Buffer.from(answer, "latin1") : answer;
    const to = from + SLICE_BYTES;
    this.noteSending();
    if (to >= body.length) this.writeLast(body.subarray(from));
    else this.writePart(body.subarray(from, to), () => this.sendSlices(body, to));
  }

  /** The answer is handed over. What the client still sends is thrown away. */
  protected finish(): void {
    this.noteSending();
    this.discard();
  }

  /** Something of the answer moved, or the answer begins to wait for its client. */
  protected noteSending(): void {
    this.#sendingSinceMs = this.connection.nowMs;
  }

  /** For the engine: a part of the body is here. */
  onData(chunk: Buffer): void {
    this.#readBytes += chunk.length;
    this.#sink?.data(chunk);
  }

  /** For the engine: the body is whole. */
  onEnd(): void {
    this.#hasEnded = true;
    this.#isTimely = false;
    this.#sink?.end();
  }

  /** For the engine: nothing more comes or goes. */
  onClosed(): void {
    this.#sendingSinceMs = 0;
    if (this.#heldBytes > 0) this.connection.budget.release(this.#heldBytes);
    this.#heldBytes = 0;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.gone();
    this.connection.closed(this);
  }
}
