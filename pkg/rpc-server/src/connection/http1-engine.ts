import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CallHost } from "../call/call.ts";
import { endAll } from "./answer-batch.ts";
import { Connection, type ExchangeLimits, type ServerState } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { type HttpEngine, LINGER_MS } from "./http-engine.ts";
import { Http1Exchange } from "./http1-exchange.ts";

export interface Http1Limits extends ExchangeLimits {
  readonly maxHeaderBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

/** How often Node looks for requests that take too long; its own default of 30 s makes short timeouts long. */
const TIMEOUT_CHECK_MS = 1_000;

const CONNECT_REFUSED = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** HTTP/1.1 by node:http. What its parser refuses gets Node's own 400, 408 or 431 and ends that connection only. */
export function createHttp1Engine(
  limits: Http1Limits,
  state: ServerState,
  onExchange: (exchange: Exchange) => void,
  describeError: CallHost["describeError"],
): HttpEngine {
  const connections = new Map<Socket, Connection<Http1Exchange>>();
  let isLeaving = false;
  let isDraining = false;

  const server = createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    onRequest,
  );

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const connection = connections.get(request.socket);
    if (connection === undefined) return;
    if (request.httpVersionMajor !== 1) {
      response.writeHead(505, { connection: "close" }).end();
      return;
    }
    // Pipelined behind the last answer: not executed, since it could not be answered.
    if (connection.isClosing) return;
    const exchange = new Http1Exchange(connection, request, response);
    if (isLeaving) exchange.leave();
    onExchange(exchange);
  }

  // Without a listener Node answers 417 by itself, and nobody hears of it.
  server.on("checkExpectation", onRequest);
  // Node drops headers above its own count of 2,000 without a word: it must not, for they are counted here.
  server.maxHeadersCount = 0;
  server.on("clientError", (error, socket) => {
    const connection = connections.get(socket as Socket);
    endAll();
    if (hasBegunAnswer(connection)) socket.destroy();
    else refuseBytes(error, socket, describeError);
  });
  // Without a listener Node cuts the connection and says nothing; with one, it no longer looks after the socket.
  server.on("connect", (_request, socket) => {
    const connection = connections.get(socket as Socket);
    // Nor does it end the requests before this one: those that wait for their turn to answer would be kept for ever.
    socket.once("close", () => {
      for (const exchange of connection?.exchanges ?? []) exchange.onClosed();
    });
    endAll();
    if (hasBegunAnswer(connection)) socket.destroy();
    else socket.end(CONNECT_REFUSED, () => socket.destroy());
  });
  // Node starts its check for late requests on this event, which never comes to a server that is fed sockets.
  server.emit("listening");

  /** An error must not end up in the middle of an answer. */
  function hasBegunAnswer(connection: Connection<Http1Exchange> | undefined): boolean {
    return [...(connection?.exchanges ?? [])].some((exchange) => exchange.hasBegun);
  }

  function announceDrain(): void {
    isLeaving = true;
    for (const connection of connections.values()) for (const exchange of connection.exchanges) exchange.leave();
  }

  return {
    serve(socket) {
      const connection = new Connection<Http1Exchange>(socket, "1.1", state);
      connections.set(socket, connection);
      connection.onIdle = () => {
        if (isDraining) socket.destroySoon();
      };
      socket.once("close", () => connections.delete(socket));
      server.emit("connection", socket);
    },
    announceDrain,
    async drain(timeoutMs) {
      announceDrain();
      if (connections.size > 0) await sleep(Math.min(LINGER_MS, timeoutMs));
      isDraining = true;
      for (const [socket, connection] of connections) if (connection.isIdle) socket.destroySoon();
    },
    // What is closed after its answer gets it nevertheless: its client sends nothing that the kernel would answer by a reset.
    isBusy: () => connections.values().some((connection) => !connection.isIdle),
    checkTimes(nowMs) {
      for (const connection of connections.values()) connection.checkTimes(nowMs, limits);
    },
    close() {
      server.close();
    },
  };
}

/** What Node's parser refuses, by its codes. Source: RFC 9110, 15.5.9; RFC 6585, 5; RFC 9112, 2.2. */
const FAULTS: Readonly<Record<string, BytesFault>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    line: "408 Request Timeout",
    told: "the request took too long",
    code: Code.DeadlineExceeded,
  },
  HPE_HEADER_OVERFLOW: {
    line: "431 Request Header Fields Too Large",
    told: "the request's headers are too large",
    code: Code.ResourceExhausted,
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    line: "413 Content Too Large",
    told: "the request's chunk extensions are too large",
    code: Code.ResourceExhausted,
  },
};

const BAD_REQUEST: BytesFault = {
  line: "400 Bad Request",
  told: "the request is not valid HTTP/1.1",
  code: Code.InvalidArgument,
};

interface BytesFault {
  /** Status and reason. */
  readonly line: string;
  readonly told: string;
  readonly code: Code;
}

/** The end of a request line. Source: RFC 9112, 2.3. */
const NAMES_VERSION = / [A-Z]+\/\S/;

/**
 * Answers bytes that are no request, and ends the connection. What names no version of a protocol in its first line is ended
 * without a word: it may be anything, and an HTTP/2 client with a broken preface expects frames (RFC 9113, 3.4).
 */
function refuseBytes(
  error: NodeJS.ErrnoException & { rawPacket?: Buffer },
  socket: Duplex,
  describeError: CallHost["describeError"],
): void {
  const [firstLine] = error.rawPacket?.toString("latin1").split("\n", 1) ?? [];
  if (!socket.writable || (firstLine !== undefined && !NAMES_VERSION.test(firstLine))) {
    socket.destroy();
    return;
  }
  const { line, told, code } = FAULTS[error.code ?? ""] ?? BAD_REQUEST;
  const { contentType, body } = describeError(new ConnectError(told, code), Number.parseInt(line, 10));
  const head = `Connection: close\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}`;
  socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${line}\r\n${head}\r\n\r\n`), body]), () => socket.destroy());
}
