import { createServer, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpEngine, LINGER_MS, type RequestListener } from "./http-engine.ts";

export interface Http1Limits {
  readonly maxHeaderBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

/** How often Node looks for requests that take too long; its own default of 30 s makes short timeouts long. */
const TIMEOUT_CHECK_MS = 1_000;

const CONNECT_REFUSED = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** HTTP/1.1 by node:http. What its parser refuses gets Node's own 400, 408 or 431 and ends that connection only. */
export function createHttp1Engine(limits: Http1Limits, onRequest: RequestListener): HttpEngine {
  const answersBySocket = new Map<Socket, Set<ServerResponse>>();
  let leaving = false;
  let draining = false;

  const server = createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    (request, response) => {
      const { socket } = request;
      const answers = answersBySocket.get(socket);
      answers?.add(response);
      response.once("close", () => {
        answers?.delete(response);
        if (draining && answers?.size === 0) socket.destroySoon();
      });
      if (leaving) sayClose(response);
      onRequest(request, response);
    },
  );
  // Without a listener Node cuts the connection and says nothing; with one, it no longer looks after the socket.
  server.on("connect", (_request, socket) => socket.end(CONNECT_REFUSED, () => socket.destroy()));
  // Node starts its check for late requests on this event, which never comes to a server that is fed sockets.
  server.emit("listening");

  function announceDrain(): void {
    leaving = true;
    for (const answers of answersBySocket.values()) for (const response of answers) sayClose(response);
  }

  return {
    serve(socket) {
      answersBySocket.set(socket, new Set());
      socket.once("close", () => answersBySocket.delete(socket));
      server.emit("connection", socket);
    },
    announceDrain,
    async drain(timeoutMs) {
      announceDrain();
      if (answersBySocket.size > 0) await sleep(Math.min(LINGER_MS, timeoutMs));
      draining = true;
      for (const [socket, answers] of answersBySocket) if (answers.size === 0) socket.destroySoon();
    },
    close() {
      server.close();
    },
  };
}

/** Source: RFC 9112, 9.6. When the headers are out already, the engine ends the connection after the body instead. */
function sayClose(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}
