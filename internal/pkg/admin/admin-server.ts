import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export interface AdminServerOptions {
  /** What `/metrics` prints. */
  readonly registry: Registry;
  /** What `/readyz` answers: 200 when true, else 503. */
  readonly isReady: () => boolean;
  /** Hears of trouble with the listening socket, such as too many open files. */
  readonly onError: (error: Error) => void;
}

/**
 * Serves operators, never the public: `GET /metrics` (Prometheus text format), `/livez` (200 while the process runs its
 * event loop, whatever the database does) and `/readyz`.
 */
export interface AdminServer {
  /** Resolves to the port that is listened on. Rejects with Node's error, such as EADDRINUSE. */
  listen(address: { readonly port: number; readonly host?: string }): Promise<number>;
  close(): Promise<void>;
}

export function createAdminServer({ registry, isReady, onError }: AdminServerOptions): AdminServer {
  const pages: Readonly<Record<string, (response: ServerResponse) => void | Promise<void>>> = {
    "/livez": (response) => sendText(response, 200, "ok\n"),
    "/readyz": (response) => (isReady() ? sendText(response, 200, "ok\n") : sendText(response, 503, "not ready\n")),
    "/metrics": async (response) => {
      response.setHeader("content-type", registry.contentType);
      response.end(await registry.metrics());
    },
  };

  const server = createServer(async (request, response) => {
    const page = pages[URL.parse(request.url ?? "", "http://admin")?.pathname ?? ""];
    if (!page) return sendText(response, 404, "there are /metrics, /livez and /readyz\n");
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return sendText(response, 405, "method not allowed\n");
    }
    try {
      await page(response);
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

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }).end(text);
}
