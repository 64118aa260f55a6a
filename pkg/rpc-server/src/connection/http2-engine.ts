import { writeSync } from "node:fs";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { startBudget } from "../live-count.ts";
import { Connection, type ExchangeLimits, type ServerState } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import type { HttpEngine } from "./http-engine.ts";
import { Http2Exchange } from "./http2-exchange.ts";

export interface Http2Limits extends ExchangeLimits {
  readonly maxHeaderBytes: number;
  readonly maxConcurrentStreams: number;
  readonly maxResetsPerSecond: number;
  readonly idleTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
}

/** With Node's 10 MB, a client that reads large answers slowly is refused new streams; answers are bounded here. */
const MAX_SESSION_MEMORY_MB = 64;

/** Resets that may come at once, in seconds of `maxResetsPerSecond`. */
const RESET_BURST_SECONDS = 10;

/** What a header counts for in a header list beyond its name and value. Source: RFC 9113, 6.5.2. */
const HEADER_OVERHEAD_BYTES = 32;

/**
 * A GOAWAY frame with NO_ERROR and the highest stream id there is: it refuses nothing yet. Source: RFC 9113, 6.8.
 * Written to the socket, between the session's frames: after `session.goaway` with the same id, nghttp2 ignores new
 * streams (its own nghttp2_submit_shutdown_notice would not, but Node does not offer it).
 */
const GOAWAY_NOTICE = Buffer.from("0000080700000000007fffffff00000000", "hex");

/** How long a client may take to read the first GOAWAY and to answer the ping behind it: far above a round trip. */
const GOAWAY_PING_TIMEOUT_MS = 1_000;

/** How often it is tried to write the first GOAWAY, while what was sent before waits for a slow client. */
const NOTICE_RETRY_MS = 20;

interface Session {
  readonly http2: ServerHttp2Session;
  readonly socket: Socket;
  readonly connection: Connection;
  /** When the last ping was sent; its answer is awaited while `isPinging`. */
  pingedMs: number;
  isPinging: boolean;
  /** An answer does not move: the client may read nothing at all, or no more of that stream. A ping tells. */
  isSuspect: boolean;
  /** When it was told to leave for having no calls. */
  leavingSinceMs: number | undefined;
}

/** For a connection without calls to end by itself: the ping between the two GOAWAYs, and some. */
const LEAVE_WITHIN_MS = GOAWAY_PING_TIMEOUT_MS + 500;

/** What a socket has of libuv. Windows gives no file descriptor. */
interface SocketWithHandle extends Socket {
  readonly _handle?: { readonly fd?: number; readonly writeQueueSize?: number } | null;
}

const CONNECTION = Symbol("connection");
type SessionWithConnection = ServerHttp2Session & { [CONNECTION]?: Connection };

/** HTTP/2 without TLS, with prior knowledge (RFC 9113, 3.3), by node:http2. */
export function createHttp2Engine(
  limits: Http2Limits,
  state: ServerState,
  onExchange: (exchange: Exchange) => void,
): HttpEngine {
  const sessions = new Set<Session>();
  let drainMs: number | undefined;
  const server = createServer({
    maxSessionMemory: MAX_SESSION_MEMORY_MB,
    // Their number is counted where it gets an answer, and not here, where it would reset the stream.
    maxHeaderListPairs: Math.ceil(limits.maxHeaderBytes / HEADER_OVERHEAD_BYTES),
    settings: { maxConcurrentStreams: limits.maxConcurrentStreams, maxHeaderListSize: limits.maxHeaderBytes },
    streamResetBurst: limits.maxResetsPerSecond * RESET_BURST_SECONDS,
    streamResetRate: limits.maxResetsPerSecond,
    // What is written here has each such header once; Node would look it up for every header.
    strictSingleValueFields: false,
  });
  // 'stream' and not 'request': that one builds objects like node:http's for every call.
  server.on("stream", (stream, byName, _flags, raw) => {
    // Also of a stream whose session has gone before this event: an error that nobody listens to ends the process.
    stream.on("error", ignoreError);
    const connection = (stream.session as SessionWithConnection | undefined)?.[CONNECTION];
    if (connection === undefined) return;
    onExchange(new Http2Exchange(connection, stream, byName, raw));
  });

  function checkSession(session: Session, nowMs: number): void {
    const { connection, http2, socket, leavingSinceMs } = session;
    connection.checkTimes(nowMs, limits);
    if (leavingSinceMs !== undefined && connection.isIdle) {
      // Node keeps a session whose client is in the middle of a frame. Calls may have begun before the client heard of it.
      const isQuiet =
        !connection.mayBeSending(nowMs, limits.sendTimeoutMs) || connection.idleMs(nowMs) > nowMs - leavingSinceMs;
      if (isQuiet && nowMs - leavingSinceMs > LEAVE_WITHIN_MS) socket.destroy();
    } else if (connection.idleMs(nowMs) > limits.idleTimeoutMs) {
      session.leavingSinceMs = nowMs;
      void goAway(http2, socket, Math.min(GOAWAY_PING_TIMEOUT_MS, limits.pingTimeoutMs));
    } else if (session.isPinging) {
      const { pingTimeoutMs, sendTimeoutMs } = limits;
      const timeoutMs = session.isSuspect ? Math.min(pingTimeoutMs, sendTimeoutMs) : pingTimeoutMs;
      if (nowMs - session.pingedMs > timeoutMs) socket.destroy();
    } else if (session.isSuspect || nowMs - session.pingedMs > limits.pingIntervalMs) {
      ping(session, nowMs);
    }
  }

  return {
    serve(socket) {
      // Node's sessions do not notice a client that ends its side of a socket that may be half-open.
      socket.allowHalfOpen = false;
      const connection = new Connection(socket, "2", state);
      server.once("session", (http2: SessionWithConnection) => {
        http2[CONNECTION] = connection;
        const session: Session = {
          http2,
          socket,
          connection,
          pingedMs: state.nowMs,
          isPinging: false,
          isSuspect: false,
          leavingSinceMs: undefined,
        };
        connection.onStall = () => {
          session.isSuspect = true;
        };
        sessions.add(session);
        http2.once("close", () => sessions.delete(session));
        if (drainMs !== undefined) void goAway(http2, socket, drainMs);
      });
      server.emit("connection", socket);
    },
    // A GOAWAY would end the connection, to which a load balancer may still send calls.
    announceDrain() {},
    async drain(timeoutMs) {
      const pingTimeoutMs = Math.min(GOAWAY_PING_TIMEOUT_MS, timeoutMs);
      drainMs = pingTimeoutMs;
      await Promise.all(Array.from(sessions, ({ http2, socket }) => goAway(http2, socket, pingTimeoutMs)));
    },
    isBusy: (nowMs) =>
      sessions
        .values()
        .some(({ connection }) => !connection.isIdle || connection.mayBeSending(nowMs, limits.sendTimeoutMs)),
    checkTimes(nowMs) {
      for (const session of sessions) checkSession(session, nowMs);
    },
    close() {
      server.close();
    },
  };
}

function ping(session: Session, nowMs: number): void {
  // A session that is closed still has the streams that run.
  if (session.http2.destroyed) return;
  session.pingedMs = nowMs;
  session.isPinging = true;
  session.http2.ping(() => {
    session.isPinging = false;
    session.isSuspect = false;
  });
}

/** The 'close' that follows says all there is to know. */
function ignoreError(): void {}

/**
 * Two GOAWAYs: the first says that the end is near, the second, a round trip later, which streams are served. Calls
 * that the client began before it heard the first are served and not refused. Source: RFC 9113, 6.8.
 */
async function goAway(session: ServerHttp2Session, socket: Socket, pingTimeoutMs: number): Promise<void> {
  // A session this young has yet to send its SETTINGS, which must come first (RFC 9113, 3.4).
  await setImmediate();
  const left = startBudget(pingTimeoutMs);
  let isNoticed = false;
  while (!session.closed && !session.destroyed && left() > 0) {
    isNoticed = tryWrite(socket, GOAWAY_NOTICE);
    if (isNoticed) break;
    await sleep(Math.min(NOTICE_RETRY_MS, left()));
  }
  if (isNoticed && !session.destroyed) await roundTrip(session, left());
  // Without the notice, calls on their way are not served, and their clients told so: they may be made elsewhere.
  if (!session.destroyed) session.close();
}

/**
 * Writes a frame at once, between the session's, or not at all: when something waits in the socket it would come in the
 * middle of a frame, or have to wait itself. Not by `socket.write`: node:http2 takes the end of a write that has waited for
 * the end of its own, and aborts the process (Http2Session::OnStreamAfterWrite, is_write_in_progress).
 */
function tryWrite(socket: Socket, frame: Buffer): boolean {
  const { fd = -1, writeQueueSize } = (socket as SocketWithHandle)._handle ?? {};
  if (fd < 0 || writeQueueSize !== 0) return false;
  try {
    const written = writeSync(fd, frame);
    if (written < frame.length) socket.destroy();
    return true;
  } catch {
    // EAGAIN: the kernel has no room. EPIPE: nobody is there.
    return false;
  }
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
