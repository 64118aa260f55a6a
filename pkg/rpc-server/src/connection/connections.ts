import type { Socket } from "node:net";
import { LiveSet } from "../live-set.ts";
import type { HttpEngine } from "./http-engine.ts";
import { type Protocol, sniffProtocol } from "./protocol-sniffer.ts";

/** Every open connection of a server, from accept to close. */
export interface Connections {
  /** Finds out the protocol of a new connection and has it served. */
  accept(socket: Socket): void;
  /** As HttpEngine's, for all. Connections whose protocol is not known yet are cut. */
  drain(timeoutMs: number): Promise<void>;
  /** Resolves with true when all are closed, with false when some still are open after `timeoutMs`. */
  allClosed(timeoutMs: number): Promise<boolean>;
  /** Cuts what is open. Their calls' signals fire. */
  destroy(): void;
}

export function createConnections(engines: Record<Protocol, HttpEngine>, prefaceTimeoutMs: number): Connections {
  const open = new LiveSet<Socket>();
  const unknown = new Set<Socket>();

  return {
    accept(socket) {
      open.add(socket);
      unknown.add(socket);
      socket.once("close", () => {
        open.delete(socket);
        unknown.delete(socket);
      });
      // A client that resets the connection is no news to anybody, but without a listener it ends the process.
      socket.on("error", () => {});
      sniffProtocol(socket, prefaceTimeoutMs, (protocol) => {
        unknown.delete(socket);
        engines[protocol].serve(socket);
      });
    },
    async drain(timeoutMs) {
      for (const socket of unknown) socket.destroy();
      await Promise.all([engines.http1.drain(timeoutMs), engines.http2.drain(timeoutMs)]);
    },
    allClosed(timeoutMs) {
      return open.emptied(timeoutMs);
    },
    destroy() {
      for (const socket of open) socket.destroy();
      engines.http1.close();
      engines.http2.close();
    },
  };
}
