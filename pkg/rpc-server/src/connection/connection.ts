import type { Socket } from "node:net";
import type { LiveSet } from "../live-set.ts";
import type { ConnectionInfo } from "../request/connection-info.ts";
import type { BaseExchange } from "./base-exchange.ts";
import { ByteBudget } from "./byte-budget.ts";

/** What all connections of a server share. */
export interface ServerState {
  /** Every exchange that is open. */
  readonly exchanges: LiveSet<BaseExchange>;
  /** Of the process. */
  readonly budget: ByteBudget;
  readonly maxConnectionBufferBytes: number;
  /** The last look at the clock, in milliseconds of `performance.now()`: good enough for what takes seconds. */
  nowMs: number;
}

/** What the exchanges of one connection share. */
export class Connection {
  readonly info: ConnectionInfo;
  /** Of the bytes held for its exchanges: bodies that are being read, answers that are being sent. */
  readonly budget: ByteBudget;
  /** Told when the last open exchange is closed. */
  onIdle: (() => void) | undefined;
  /** Told when an answer does not move. */
  onStall: (() => void) | undefined;
  readonly #server: ServerState;
  #open = 0;
  #idleSinceMs: number;

  constructor(socket: Socket, httpVersion: string, server: ServerState) {
    this.info = { httpVersion, peer: peerOf(socket) };
    this.#server = server;
    this.#idleSinceMs = server.nowMs;
    this.budget = new ByteBudget(server.maxConnectionBufferBytes, server.budget);
  }

  get isIdle(): boolean {
    return this.#open === 0;
  }

  /** How long there has been no exchange; 0 while there is one. */
  idleMs(nowMs: number): number {
    return this.#open === 0 ? nowMs - this.#idleSinceMs : 0;
  }

  get nowMs(): number {
    return this.#server.nowMs;
  }

  opened(exchange: BaseExchange): void {
    this.#open++;
    this.#server.exchanges.add(exchange);
  }

  closed(exchange: BaseExchange): void {
    if (!this.#server.exchanges.delete(exchange)) return;
    this.#open--;
    if (this.#open > 0) return;
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
