import { once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ServerCredentials } from "@grpc/grpc-js";
import { createRestTranscoder } from "@grpc-service-template/rest-transcoder";
import { createRpcServer, type RpcServerOptions } from "@grpc-service-template/rpc-server";
import type { FastifyInstance } from "fastify";
import { createFastifyRestServer, createFastifyServer } from "./fastify-server.ts";
import { createGrpcJsServer } from "./grpc-js-server.ts";
import { createRawArraysServer, createRawServer } from "./raw-http2.ts";
import { registerUsers } from "./users.ts";
import { wholeChain } from "./whole-chain.ts";

const HOST = "127.0.0.1";

/** Each starts a server on any free port of this machine, and resolves with the port. */
export const SERVERS = {
  ours: () => listenOurs({ routes: registerUsers }),
  "ours-chain": () => listenOurs(wholeChain({ returnsRequestId: "on-error", hasAccessLog: false })),
  "ours-chain-id": () => listenOurs(wholeChain({ returnsRequestId: "always", hasAccessLog: false })),
  "ours-chain-log": () => listenOurs(wholeChain({ returnsRequestId: "on-error", hasAccessLog: true })),
  "ours-rest": () => listenOurs({ routes: registerUsers, protocols: [createRestTranscoder()] }),
  "ours-rest-chain": () => listenOurs({ ...restChain(), protocols: [createRestTranscoder()] }),
  raw: () => listen(createRawServer()),
  "raw-arrays": () => listen(createRawArraysServer()),
  "grpc-js": listenGrpcJs,
  "connect-node": () => listen(createHttp2Server(connectNodeAdapter({ routes: registerUsers }))),
  "connect-node-http1": () => listen(createHttp1Server(connectNodeAdapter({ routes: registerUsers }))),
  fastify: () => listenFastify(createFastifyServer()),
  "fastify-rest": () => listenFastify(createFastifyRestServer()),
  // Loaded when it is asked for: it changes `Reflect`, which the other servers do without.
  "nest-rest": async () => listen(await (await import("./nest-server.ts")).createNestServer()),
} as const satisfies Record<string, () => Promise<number>>;

export type ServerName = keyof typeof SERVERS;

async function listenOurs(options: RpcServerOptions): Promise<number> {
  const { port } = await createRpcServer(options).listen({ port: 0, host: HOST });
  return port;
}

function restChain(): RpcServerOptions {
  return wholeChain({ returnsRequestId: "on-error", hasAccessLog: false });
}

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, HOST), "listening");
  return (server.address() as AddressInfo).port;
}

async function listenFastify(server: FastifyInstance): Promise<number> {
  return Number(new URL(await server.listen({ port: 0, host: HOST })).port);
}

function listenGrpcJs(): Promise<number> {
  const server = createGrpcJsServer();
  return new Promise((resolve, reject) => {
    server.bindAsync(`${HOST}:0`, ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}
