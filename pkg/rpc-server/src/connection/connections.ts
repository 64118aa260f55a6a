import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionEvent } from "../call/observer.ts";
import { LiveCount, startBudget } from "../live-count.ts";
import { peerOf } from "./connection.ts";
import { type HttpEngine, LINGER_MS } from "./http-engine.ts";
import { type Protocol, sniffProtocol } from "./protocol-sniffer.ts";

/** For aborted calls to write their answers, for requests that are under way, for connections to close by themselves. */
export const GRACE_MS = 500;

/** How often a drain looks whether there still is something to wait for. */
const SETTLE_CHECK_MS = 50;

export interface ConnectionsOptions {
  readonly prefaceTimeoutMs: number;
  readonly onEvent: (event: ConnectionEvent) => void;
}

/** Every open connection of a server, from accept to close. */
export interface Connections {
  /** Finds out the protocol of a new connection and has it served. */
  accept(socket: Socket): void;
  /** As HttpEngine's, for all. */
  announceDrain(): void;
  checkTimes(nowMs: number): void;
  /** As HttpEngine's, for all. A connection whose protocol is not known even after LINGER_MS is cut. */
  drain(timeoutMs: number): Promise<void>;
  /**
   * Waits until all are closed, or none that is left has a call or an answer on its way: a client that keeps an idle
   * connection open in spite of all is not waited for. Resolves with false when there still are some after `timeoutMs`.
   */
  settled(timeoutMs: number): Promise<boolean>;
  /** Resolves with true when all are closed, with false when some still are open after `timeoutMs`. */
  allClosed(timeoutMs: number): Promise<boolean>;
  /** Cuts what is open. Their calls' signals fire. */
  destroy(): void;
}

export function createConnections(
  engines: Record<Protocol, HttpEngine>,
  { prefaceTimeoutMs, onEvent }: ConnectionsOptions,
): Connections {
  const open = new Set<Socket>();
  const live = new LiveCount();
  const unknown = new Set<Socket>();

  async function cutUnknown(timeoutMs: number): Promise<void> {
    if (unknown.size > 0) await sleep(Math.min(LINGER_MS, timeoutMs));
    for (const socket of unknown) socket.destroy();
  }

  return {
    accept(socket) {
      const peer = peerOf(socket);
      open.add(socket);
      live.begun();
      unknown.add(socket);
      onEvent({ type: "opened", peer });
      socket.once("close", () => {
        open.delete(socket);
        live.ended();
        unknown.delete(socket);
        onEvent({ type: "closed", peer });
      });
      // A client that resets the connection is no news to anybody, but without a listener it ends the process.
      socket.on("error", () => {});
      sniffProtocol(socket, prefaceTimeoutMs, (protocol) => {
        unknown.delete(socket);
        engines[protocol].serve(socket);
      });
    },
    announceDrain() {
      engines.http1.announceDrain();
      engines.http2.announceDrain();
    },
    checkTimes(nowMs) {
      engines.http1.checkTimes(nowMs);
      engines.http2.checkTimes(nowMs);
    },
    async drain(timeoutMs) {
      await Promise.all([cutUnknown(timeoutMs), engines.http1.drain(timeoutMs), engines.http2.drain(timeoutMs)]);
    },
    async settled(timeoutMs) {
      const left = startBudget(timeoutMs);
      let busyMs = performance.now();
      while (!(await live.none(Math.min(left(), SETTLE_CHECK_MS)))) {
        const nowMs = performance.now();
        if (engines.http1.isBusy(nowMs) || engines.http2.isBusy(nowMs)) busyMs = nowMs;
        else if (nowMs - busyMs >= GRACE_MS) return true;
        if (left() === 0) return busyMs < nowMs;
      }
      return true;
    },
    allClosed(timeoutMs) {
      return live.none(timeoutMs);
    },
    destroy() {
      for (const socket of open) socket.destroy();
      engines.http1.close();
      engines.http2.close();
    },
  };
}
