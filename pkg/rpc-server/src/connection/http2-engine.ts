import { constants, createServer, type ServerHttp2Session } from "node:http2";
import type { HttpEngine, RequestListener } from "./http-engine.ts";

export interface Http2Limits {
  readonly maxHeaderBytes: number;
  readonly maxConcurrentStreams: number;
}

/** With Node's 10 MB, a client that reads large answers slowly is refused new streams. */
const MAX_SESSION_MEMORY_MB = 64;

/** The highest stream id there is: a GOAWAY with it refuses nothing yet. Source: RFC 9113, 6.8. */
const LAST_STREAM_ID = 2 ** 31 - 1;

/** How long a client may take to answer the ping between the two GOAWAYs: far above a round trip. */
const PING_TIMEOUT_MS = 1_000;

/** HTTP/2 without TLS, with prior knowledge (RFC 9113, 3.3), by node:http2. */
export function createHttp2Engine(limits: Http2Limits, onRequest: RequestListener): HttpEngine {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(
    {
      maxSessionMemory: MAX_SESSION_MEMORY_MB,
      settings: { maxConcurrentStreams: limits.maxConcurrentStreams, maxHeaderListSize: limits.maxHeaderBytes },
    },
    onRequest,
  );
  // Node has an event of its own for the method CONNECT, and 405 when nobody listens.
  server.on("connect", onRequest);
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });

  return {
    serve(socket) {
      server.emit("connection", socket);
    },
    async drain(timeoutMs) {
      const pingTimeoutMs = Math.min(PING_TIMEOUT_MS, timeoutMs);
      await Promise.all(Array.from(sessions, (session) => goAway(session, pingTimeoutMs)));
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
async function goAway(session: ServerHttp2Session, pingTimeoutMs: number): Promise<void> {
  if (session.closed || session.destroyed) return;
  session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM_ID);
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
