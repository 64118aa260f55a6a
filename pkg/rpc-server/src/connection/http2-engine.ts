import { createServer, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import type { HttpEngine, RequestListener } from "./http-engine.ts";

export interface Http2Limits {
  readonly maxHeaderBytes: number;
  readonly maxConcurrentStreams: number;
}

/** With Node's 10 MB, a client that reads large answers slowly is refused new streams. */
const MAX_SESSION_MEMORY_MB = 64;

/**
 * A GOAWAY frame with NO_ERROR and the highest stream id there is: it refuses nothing yet. Source: RFC 9113, 6.8.
 * Written to the socket, between the session's frames: after `session.goaway` with the same id, nghttp2 ignores new
 * streams (its own nghttp2_submit_shutdown_notice would not, but Node does not offer it).
 */
const GOAWAY_NOTICE = Buffer.from("0000080700000000007fffffff00000000", "hex");

/** How long a client may take to answer the ping between the two GOAWAYs: far above a round trip. */
const PING_TIMEOUT_MS = 1_000;

/** HTTP/2 without TLS, with prior knowledge (RFC 9113, 3.3), by node:http2. */
export function createHttp2Engine(limits: Http2Limits, onRequest: RequestListener): HttpEngine {
  const socketBySession = new Map<ServerHttp2Session, Socket>();
  let drainMs: number | undefined;
  const server = createServer(
    {
      maxSessionMemory: MAX_SESSION_MEMORY_MB,
      settings: { maxConcurrentStreams: limits.maxConcurrentStreams, maxHeaderListSize: limits.maxHeaderBytes },
    },
    onRequest,
  );
  // Node has an event of its own for the method CONNECT, and 405 when nobody listens.
  server.on("connect", onRequest);

  return {
    serve(socket) {
      // Node's sessions do not notice a client that ends its side of a socket that may be half-open.
      socket.allowHalfOpen = false;
      server.once("session", (session) => {
        socketBySession.set(session, socket);
        session.once("close", () => socketBySession.delete(session));
        if (drainMs !== undefined) void goAway(session, socket, drainMs);
      });
      server.emit("connection", socket);
    },
    // A GOAWAY would end the connection, to which a load balancer may still send calls.
    announceDrain() {},
    async drain(timeoutMs) {
      const pingTimeoutMs = Math.min(PING_TIMEOUT_MS, timeoutMs);
      drainMs = pingTimeoutMs;
      await Promise.all(Array.from(socketBySession, (connection) => goAway(...connection, pingTimeoutMs)));
    },
    close() {
      server.close();
    },
  };
}

/**
 * Two GOAWAYs: the first says that the end is near, the second, a round trip later, which streams are served. Calls
 * that the client began before it heard the first are served and not refused. Source: RFC 9113, 6.8.
 */
async function goAway(session: ServerHttp2Session, socket: Socket, pingTimeoutMs: number): Promise<void> {
  // A session this young has yet to send its SETTINGS, which must come first (RFC 9113, 3.4).
  await setImmediate();
  if (session.closed || session.destroyed) return;
  socket.write(GOAWAY_NOTICE);
  await roundTrip(session, pingTimeoutMs);
  session.close();
}

function roundTrip(session: ServerHttp2Session, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    session.ping(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
