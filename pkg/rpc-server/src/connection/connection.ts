import type { Socket } from "node:net";
import { type Linked, LinkedList } from "../linked-list.ts";
import type { LiveCount } from "../live-count.ts";
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
  /** How many exchanges are open. */
  readonly exchanges: LiveCount;
  /** Of the process. */
  readonly budget: ByteBudget;
  readonly maxConnectionBufferBytes: number;
  /** The last look at the clock, in milliseconds of `performance.now()`: good enough for what takes seconds. */
  nowMs: number;
}

/** What the exchanges of one connection share. */
export class Connection<E extends TimedExchange = TimedExchange> {
  readonly info: ConnectionInfo;
  /** Of the bytes held for its exchanges: bodies that are being read, answers that are being sent. */
  readonly budget: ByteBudget;
  /** Told when the last open exchange is closed. */
  onIdle: (() => void) | undefined;
  /** Told when an answer does not move. */
  onStall: (() => void) | undefined;
  /** Those that are open. */
  readonly exchanges = new LinkedList<E>();
  readonly #server: ServerState;
  #idleSinceMs: number;

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

  /** Ends the exchanges that take longer than they may. `nowMs` as of `performance.now()`. */
  checkTimes(nowMs: number, limits: ExchangeLimits): void {
    for (const exchange of this.exchanges) exchange.checkTimes(nowMs, limits);
  }

  get nowMs(): number {
    return this.#server.nowMs;
  }

  opened(exchange: E): void {
    this.exchanges.add(exchange);
    this.#server.exchanges.begun();
  }

  closed(exchange: E): void {
    if (!this.exchanges.remove(exchange)) return;
    this.#server.exchanges.ended();
    if (!this.isIdle) return;
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
