import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LEVELS } from "@grpc-service-template/logging";
import type { Registry } from "prom-client";
import type { Logger } from "#internal/pkg/logger/logger.ts";

export interface AdminServerOptions {
  /** What `/metrics` prints. */
  readonly registry: Registry;
  /** What `/readyz` answers: 200 when true, else 503. */
  readonly isReady: () => boolean;
  /** Whose level `/loglevel` tells and changes. */
  readonly logger: Logger;
  /** Hears of trouble with the listening socket, such as too many open files. */
  readonly onError: (error: Error) => void;
}

/**
 * Serves operators, never the public: `GET /metrics` (Prometheus text format), `/livez` (200 while the process runs its
 * event loop, whatever the database does) and `/readyz`; `GET /loglevel`, and `PUT /loglevel` with a level as its body,
 * which holds until the next start.
 */
export interface AdminServer {
  /** Resolves to the port that is listened on. Rejects with Node's error, such as EADDRINUSE. */
  listen(address: { readonly port: number; readonly host?: string }): Promise<number>;
  close(): Promise<void>;
}

export function createAdminServer({ registry, isReady, logger, onError }: AdminServerOptions): AdminServer {
  const pages: Readonly<Record<string, (response: ServerResponse, request: IncomingMessage) => void | Promise<void>>> =
    {
      "/livez": (response) => sendText(response, 200, "ok\n"),
      "/readyz": (response) => (isReady() ? sendText(response, 200, "ok\n") : sendText(response, 503, "not ready\n")),
      "/metrics": async (response) => {
        response.setHeader("content-type", registry.contentType);
        response.end(await registry.metrics());
      },
      "/loglevel": async (response, request) => {
        if (request.method === "PUT" && !(await setLevel(logger, request))) {
          return sendText(response, 400, `the level must be one of ${LEVELS.join(", ")}\n`);
        }
        sendText(response, 200, `${logger.level}\n`);
      },
    };

  const server = createServer(async (request, response) => {
    const path = URL.parse(request.url ?? "", "http://admin")?.pathname ?? "";
    const page = pages[path];
    if (!page) return sendText(response, 404, "there are /metrics, /livez, /readyz and /loglevel\n");
    const allowed = path === "/loglevel" ? ["GET", "HEAD", "PUT"] : ["GET", "HEAD"];
    if (!allowed.includes(request.method ?? "")) {
      response.setHeader("allow", allowed.join(", "));
      return sendText(response, 405, "method not allowed\n");
    }
    try {
      await page(response, request);
    } catch {
      sendText(response, 500, "internal error\n");
    }
  });

  return {
    async listen({ port, host }) {
      server.listen({ port, ...(host && { host }) });
      await once(server, "listening");
      server.on("error", onError);
      return (server.address() as AddressInfo).port;
    },
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Whether the body names a level: the logger has it from then on, and says so. */
async function setLevel(logger: Logger, request: IncomingMessage): Promise<boolean> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) if (body.length < 100) body += chunk;
  const level = LEVELS.find((each) => each === body.trim());
  if (!level) return false;
  const before = logger.level;
  logger.level = level;
  logger.warn("log level changed", { before, now: level });
  return true;
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }).end(text);
}
