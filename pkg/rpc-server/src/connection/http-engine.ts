import type { Socket } from "node:net";

/**
 * How long a drain goes on reading from connections that are idle, in milliseconds: a request that was sent before its
 * client could know of the drain is served, where closing at once would reset it.
 */
export const LINGER_MS = 100;

/** One version of HTTP over sockets that somebody else accepted. */
export interface HttpEngine {
  /** Serves a connection, from its first byte to its end. */
  serve(socket: Socket): void;
  /** Asks clients to leave with their next answer, where the protocol can ask without refusing anything. */
  announceDrain(): void;
  /**
   * Tells clients to go elsewhere and closes each connection when its calls have ended. Resolves when no new calls will
   * come, while some may still be running; a client that does not listen is given up after `timeoutMs`.
   */
  drain(timeoutMs: number): Promise<void>;
  /** Whether calls run, or answers may still be on their way to their clients. `nowMs` as of `performance.now()`. */
  isBusy(nowMs: number): boolean;
  /** Called every now and then: ends what takes longer than it may. `nowMs` as of `performance.now()`. */
  checkTimes(nowMs: number): void;
  /** Lets go of timers. The sockets stay with whoever accepted them. */
  close(): void;
}
