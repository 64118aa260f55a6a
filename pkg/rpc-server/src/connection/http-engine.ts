import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";

export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;
export type RequestListener = (request: NodeRequest, response: NodeResponse) => void;

/** One version of HTTP over sockets that somebody else accepted. */
export interface HttpEngine {
  /** Serves a connection, from its first byte to its end. */
  serve(socket: Socket): void;
  /**
   * Tells clients to go elsewhere and closes each connection when its calls have ended. Resolves when no new calls will
   * come, while some may still be running; a client that does not listen is given up after `timeoutMs`.
   */
  drain(timeoutMs: number): Promise<void>;
  /** Lets go of timers. The sockets stay with whoever accepted them. */
  close(): void;
}
