import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A gate between a client and a server. It refuses no connection: those that it does not pass on get no answer. */
export interface TcpGate {
  readonly port: number;
  /** From now on passes connections on, the waiting ones included. */
  open(): void;
  close(): void;
}

/** Starts one on this machine that passes nothing on yet. */
export async function startTcpGate(target: { readonly host: string; readonly port: number }): Promise<TcpGate> {
  const sockets = new Set<Socket>();
  const opened = Promise.withResolvers<void>();
  const server = createServer(async (client) => {
    track(client);
    await opened.promise;
    const upstream = connect(target.port, target.host);
    track(upstream);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  function track(socket: Socket): void {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  }
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: (server.address() as AddressInfo).port,
    open: opened.resolve,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
