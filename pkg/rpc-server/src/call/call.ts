import { performance } from "node:perf_hooks";
import type { ConnectError, ContextValues } from "@connectrpc/connect";
import type { ProtocolName } from "../codec/codec.ts";
import type { Exchange, RequestSink } from "../connection/exchange.ts";
import type { Linked } from "../linked-list.ts";
import { CallContextValues } from "../method/intercepted-call.ts";
import type { MethodEntry } from "../method/method-entry.ts";
import type { ErrorBody } from "./error-body.ts";
import { bodyLate, clientGone, deadlineExceeded, isTooMuchHeld, shuttingDown, toConnectError } from "./errors.ts";
import type { ObservedCall, Observers } from "./observer.ts";
import type { Expiring, RunningCalls } from "./running-calls.ts";

/** What the calls of a server share. */
export interface CallHost {
  readonly observers: Observers;
  /** Calls that have begun and not ended. */
  readonly running: RunningCalls<Call>;
  readonly mapError: (error: ConnectError, call: ObservedCall) => ConnectError;
  /** Tells the error of a request that is no call. */
  readonly describeError: (error: ConnectError, httpStatus: number) => ErrorBody;
  readonly onError: (error: unknown) => void;
}

/** What signals of successful calls say, as AbortController's default would; building one each time costs microseconds. */
const COMPLETED = new DOMException("This operation was aborted", "AbortError");

/** Timeouts are kept up to this many milliseconds (285 years): beyond, they count as none. */
const MAX_TIMEOUT_MS = 9e12;

/**
 * A call from the end of its headers to its end. Exactly one of answer, deadline, shutdown and client-gone ends it;
 * whatever comes later is ignored.
 */
export abstract class Call implements ObservedCall, Expiring, RequestSink {
  readonly exchange: Exchange;
  readonly entry: MethodEntry;
  abstract readonly protocol: ProtocolName;
  readonly startedMs = performance.now();
  readonly contextValues: ContextValues;

  expiresMs = Number.POSITIVE_INFINITY;
  hasExpired = false;
  previous: Linked | undefined;
  next: Linked | undefined;

  protected readonly host: CallHost;
  protected hasEnded = false;
  /** What ended the call from outside, while its interceptors may still say it in their words. */
  protected endedBy: ConnectError | undefined;
  /** Not before somebody looks: to fire a signal costs more than all other work at the end of a call. */
  #controller: AbortController | undefined;
  /** Why the call is over; undefined while it is not. */
  protected abortedBy: unknown;
  #unwinding: NodeJS.Timeout | undefined;
  #shutdownListener: (() => void) | undefined;

  constructor(host: CallHost, exchange: Exchange, entry: MethodEntry) {
    this.host = host;
    this.exchange = exchange;
    this.entry = entry;
    this.contextValues = new CallContextValues(this, exchange.connection.info);
  }

  /** Fires when the call ends, however it does. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.abortedBy !== undefined) this.#controller.abort(this.abortedBy);
    }
    return this.#controller.signal;
  }

  get service(): string {
    return this.entry.service.typeName;
  }

  get method(): string {
    return this.entry.method.name;
  }

  get kind(): ObservedCall["kind"] {
    return this.entry.kind;
  }

  get httpVersion(): string {
    return this.exchange.httpVersion;
  }

  get peer(): string {
    return this.exchange.connection.info.peer;
  }

  get header(): Headers {
    return this.exchange.headers;
  }

  /**
   * How long interceptors get to turn what ended their call from outside into an error of theirs, in milliseconds; then
   * the client is answered without them.
   */
  protected get unwindMs(): number {
    return 100;
  }

  /** How long the call may still take, in milliseconds; undefined when it has no deadline. Below 0 when it is over. */
  remainingMs(): number | undefined {
    return this.expiresMs === Number.POSITIVE_INFINITY ? undefined : this.expiresMs - performance.now();
  }

  /** The same in whole milliseconds, which handlers may pass on: headers take no fractions. */
  protected wholeMs(): number | undefined {
    const remainingMs = this.remainingMs();
    return remainingMs === undefined ? undefined : Math.ceil(remainingMs);
  }

  /** Begins the call: reads its request, and runs its handler. */
  abstract start(): void;

  reportUnsendable(name: string): void {
    const rpc = `${this.service}/${this.method}`;
    this.host.onError(
      new Error(`${rpc} has set the header ${name} to a value that cannot be sent, or is too long: it is left out`),
    );
  }

  /** Has the observers hear of the call, and answers it with an error of the server's own. */
  refuse(error: ConnectError): void {
    this.begin();
    this.fail(this.host.mapError(error, this));
  }

  /** Ends the call because the server stops. */
  shutdown(): void {
    this.endFromOutside(shuttingDown());
  }

  /** The deadline has passed. */
  expire(): void {
    this.endFromOutside(deadlineExceeded());
  }

  /** The client has gone: nobody is there to be answered. */
  gone(): void {
    this.finish(clientGone());
  }

  late(): void {
    this.fail(this.host.mapError(bodyLate(), this));
  }

  abstract data(chunk: Buffer): void;
  abstract end(): void;

  protected begin(): void {
    this.host.running.add(this);
    this.host.observers.begin(this);
  }

  /** Starts the clock: the client's timeout, or the method's, whichever ends earlier. */
  protected startDeadline(clientMs: number | undefined): void {
    const { defaultMs, maxMs = Number.POSITIVE_INFINITY } = this.entry.timeouts;
    const timeoutMs = Math.min(clientMs ?? defaultMs ?? Number.POSITIVE_INFINITY, maxMs);
    if (timeoutMs <= MAX_TIMEOUT_MS) this.expiresMs = this.startedMs + timeoutMs;
    const { shutdownSignal } = this.entry;
    if (shutdownSignal !== undefined) this.#watch(shutdownSignal);
    this.endIfOver();
  }

  /** The list of running calls looks at deadlines every now and then only: no handler must begin after its own. */
  protected endIfOver(): boolean {
    if (this.expiresMs === Number.POSITIVE_INFINITY || performance.now() < this.expiresMs) return false;
    this.expire();
    return true;
  }

  /** connect-es's option of a service: a signal of its own, whose reason its calls end with. */
  #watch(signal: AbortSignal): void {
    this.#shutdownListener = () => this.endFromOutside(toConnectError(signal.reason));
    if (signal.aborted) this.#shutdownListener();
    else signal.addEventListener("abort", this.#shutdownListener, { once: true });
  }

  /**
   * Fires the signal, and has the handler's part replaced by `error`, so that interceptors see it as thrown there. What
   * does not come back is left behind.
   */
  protected endFromOutside(error: ConnectError): void {
    if (this.hasEnded || this.endedBy !== undefined) return;
    this.endedBy = error;
    this.#abort(error);
    if (!this.abandonHandler(error)) {
      this.fail(this.host.mapError(error, this));
      return;
    }
    this.#unwinding = setTimeout(() => this.fail(this.host.mapError(error, this)), this.unwindMs);
  }

  /** Makes interceptors see `error` in place of what the handler does. False when none of them is running. */
  protected abstract abandonHandler(error: ConnectError): boolean;

  /** Ends the call with an error that the client is told as it is. */
  protected fail(error: ConnectError): void {
    if (this.hasEnded) return;
    try {
      this.writeError(error);
    } catch (failure) {
      // Not even an error can be written: the client at least learns that there is no answer.
      if (!isTooMuchHeld(failure)) this.host.onError(failure);
      this.exchange.cut();
    }
    this.finish(error);
  }

  protected abstract writeError(error: ConnectError): void;

  /** The one end of a call. Returns false when it had ended before. */
  protected finish(error: ConnectError | undefined): boolean {
    if (this.hasEnded) return false;
    this.hasEnded = true;
    this.host.running.remove(this);
    if (this.#unwinding !== undefined) clearTimeout(this.#unwinding);
    if (this.#shutdownListener !== undefined) {
      this.entry.shutdownSignal?.removeEventListener("abort", this.#shutdownListener);
    }
    this.host.observers.end(this, error);
    this.#abort(error ?? COMPLETED);
    return true;
  }

  #abort(reason: unknown): void {
    this.abortedBy ??= reason;
    this.#controller?.abort(reason);
  }
}
