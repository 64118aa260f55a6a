import type { Socket } from "node:net";
import { type Linked, LinkedList } from "../linked-list.ts";
import type { ConnectionInfo } from "../request/connection-info.ts";
import { ByteBudget } from "./byte-budget.ts";

/** How long the parts of an exchange may take, in milliseconds, and how slow a body may be. */
export interface ExchangeLimits {
  readonly bodyTimeoutMs: number;
  readonly minBodyBytesPerSecond: number;
  readonly sendTimeoutMs: number;
}

/** What the server looks at every now and then. */
export interface TimedExchange extends Linked {
  /** Ends what takes longer than it may. `nowMs` as of `performance.now()`. */
  checkTimes(nowMs: number, limits: ExchangeLimits): void;
}

/** What all connections of a server share. */
export interface ServerState {
  /** Of the process. */
  readonly budget: ByteBudget;
  readonly maxConnectionBufferBytes: number;
  /** The last look at the clock, in milliseconds of `performance.now()`: good enough for what takes seconds. */
  nowMs: number;
  /** Whether clients have been told to go elsewhere. */
  isDraining: boolean;
}

/** What the exchanges of one connection share. */
export class Connection<E extends TimedExchange = TimedExchange> {
  readonly info: ConnectionInfo;
  /** Of the bytes held for its exchanges: bodies that are being read, answers that are being sent. */
  readonly budget: ByteBudget;
  /** Told when the last open exchange is closed. */
  onIdle: (() => void) | undefined;
  /** HTTP/1.1: whether an answer has said that it is the last. */
  isClosing = false;
  /** Told when an answer does not move. */
  onStall: (() => void) | undefined;
  /** Those that are open. */
  readonly exchanges = new LinkedList<E>();
  readonly #server: ServerState;
  #idleSinceMs: number;
  #hasServed = false;

  constructor(socket: Socket, httpVersion: string, server: ServerState) {
    this.info = { httpVersion, peer: peerOf(socket) };
    this.#server = server;
    this.#idleSinceMs = server.nowMs;
    this.budget = new ByteBudget(server.maxConnectionBufferBytes, server.budget);
  }

  get isIdle(): boolean {
    return this.exchanges.size === 0;
  }

  /** How long there has been no exchange; 0 while there is one. */
  idleMs(nowMs: number): number {
    return this.isIdle ? nowMs - this.#idleSinceMs : 0;
  }

  /** Whether the last answer, which the kernel has, may still be on its way: it may take `sendTimeoutMs`. */
  mayBeSending(nowMs: number, sendTimeoutMs: number): boolean {
    return this.isIdle && this.#hasServed && this.idleMs(nowMs) < sendTimeoutMs;
  }

  /** Ends the exchanges that take longer than they may. `nowMs` as of `performance.now()`. */
  checkTimes(nowMs: number, limits: ExchangeLimits): void {
    for (const exchange of this.exchanges) exchange.checkTimes(nowMs, limits);
  }

  get nowMs(): number {
    return this.#server.nowMs;
  }

  get isDraining(): boolean {
    return this.#server.isDraining;
  }

  opened(exchange: E): void {
    this.exchanges.add(exchange);
  }

  closed(exchange: E): void {
    if (!this.exchanges.remove(exchange)) return;
    if (!this.isIdle) return;
    this.#hasServed = true;
    this.#idleSinceMs = this.#server.nowMs;
    this.onIdle?.();
  }
}

export function peerOf({ remoteAddress = "", remotePort = 0, remoteFamily = "" }: Socket): string {
  return formatPeer(remoteAddress, remotePort, remoteFamily);
}

/** Address and port of the other end, `[::1]:50412` for IPv6. */
export function formatPeer(address: string, port: number, family: string): string {
  return `${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
