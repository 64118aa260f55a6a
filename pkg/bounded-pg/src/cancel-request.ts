import type { Duplex } from "node:stream";
import pg from "pg";

/** What names a statement's connection to the server (protocol-flow, "Canceling Requests in Progress"). */
export interface Cancellable {
  readonly host: string;
  readonly port: number;
  readonly ssl: unknown;
  readonly processID: number;
  readonly secretKey: number;
}

/** What pg's Connection can do beyond its types. */
interface CancelConnection extends pg.Connection {
  readonly stream: Duplex;
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processID: number, secretKey: number): void;
}

/**
 * Asks the server, over a connection of its own, to cancel what `target` works on. Resolves when the server has closed
 * that connection, which it does once the signal is sent; rejects when that does not happen within `timeoutMs`.
 */
export async function requestCancel(target: Cancellable, timeoutMs: number): Promise<void> {
  const config = { ssl: target.ssl } as pg.ConnectionConfig;
  const connection = new pg.Connection(config) as CancelConnection;
  const { promise: closed, resolve, reject } = Promise.withResolvers<void>();
  let asked = false;
  const ask = () => {
    asked = true;
    connection.cancel(target.processID, target.secretKey);
  };
  connection.once("connect", () => (target.ssl ? connection.requestSsl() : ask()));
  connection.once("sslconnect", ask);
  connection.on("error", reject);
  connection.once("end", () => (asked ? resolve() : reject(new Error("closed before the request was sent"))));
  const timer = setTimeout(() => {
    reject(new Error("the request to cancel was not taken in time"));
  }, timeoutMs);
  if (target.host.startsWith("/")) connection.connect(`${target.host}/.s.PGSQL.${target.port}`);
  else connection.connect(target.port, target.host);
  try {
    await closed;
  } finally {
    clearTimeout(timer);
    connection.stream.destroy();
  }
}
