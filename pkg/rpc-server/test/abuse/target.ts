import { type ClientHttp2Session, type ClientSessionOptions, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import type { EchoProcess } from "./echo-process.ts";

/** What attacks are played against; it cuts what they opened when they are over. */
export interface Target {
  readonly port: number;
  /** Connections that the server holds, the bystander's included. */
  connections(): number;
  /** A TCP connection that reads what comes, unless it is paused. */
  open(): Promise<Socket>;
  openMany(count: number): Promise<Socket[]>;
  /** A well-behaved HTTP/2 connection, for attacks by calls. */
  openSession(options?: ClientSessionOptions): Promise<ClientHttp2Session>;
  cut(): void;
}

export function createTarget({ port, connections }: EchoProcess): Target {
  const sockets = new Set<Socket>();

  async function open(): Promise<Socket> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    sockets.add(socket);
    // One for each chunk that has to wait.
    socket.setMaxListeners(0);
    socket.on("error", () => {});
    await Promise.race([new Promise((go) => socket.once("connect", go)), closed(socket)]);
    return socket.resume();
  }

  return {
    port,
    connections,
    open,
    openMany: (count) => Promise.all(Array.from({ length: count }, open)),
    async openSession(options) {
      const socket = await open();
      const session = connectHttp2(`http://127.0.0.1:${port}`, { ...options, createConnection: () => socket });
      session.on("error", () => {});
      await Promise.race([new Promise((go) => session.once("remoteSettings", go)), closed(socket)]);
      return session;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Writes as fast as the server takes it, until all is written or the connection is closed. */
export async function pour(socket: Socket, chunk: Uint8Array, times = 1): Promise<void> {
  for (let i = 0; i < times && socket.writable; i++) {
    // Not once(): it rejects with the error of a connection that the server has cut.
    if (!socket.write(chunk)) await Promise.race([new Promise((go) => socket.once("drain", go)), closed(socket)]);
  }
}

/** Resolves when the server has closed the connection. */
export async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

/** Rejects when it takes longer: what hangs is told before the test's own time is over. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not done within ${ms} ms`)), ms);
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}
