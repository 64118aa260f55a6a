import { once } from "node:events";
import type { Server } from "node:net";
import { createRpcServer, type RpcServerOptions } from "@grpc-service-template/rpc-server";
import type { FastifyInstance } from "fastify";

/** Of this machine alone. */
export const HOST = "127.0.0.1";

/** Starts the server on any free port, and resolves with the port, as all of these do. */
export async function listen(server: Server): Promise<number> {
  await once(server.listen(0, HOST), "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the server has no port");
  return address.port;
}

export async function listenOurs(options: RpcServerOptions): Promise<number> {
  const { port } = await createRpcServer(options).listen({ port: 0, host: HOST });
  return port;
}

export async function listenFastify(server: FastifyInstance): Promise<number> {
  return Number(new URL(await server.listen({ port: 0, host: HOST })).port);
}
