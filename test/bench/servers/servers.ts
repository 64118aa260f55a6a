import { createServer as createHttp1Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ServerCredentials } from "@grpc/grpc-js";
import { REST_SERVERS } from "../rest/rest-servers.ts";
import { createFastifyServer } from "./fastify-server.ts";
import { createGrpcJsServer } from "./grpc-js-server.ts";
import { HOST, listen, listenFastify, listenOurs } from "./listen.ts";
import { createRawArraysServer, createRawServer } from "./raw-http2.ts";
import { registerUsers } from "./users.ts";
import { wholeChain } from "./whole-chain.ts";

/** Each starts a server on any free port of this machine, and resolves with the port. */
export const SERVERS = {
  ours: () => listenOurs({ routes: registerUsers }),
  "ours-chain": () => listenOurs(wholeChain({ returnsRequestId: "on-error", hasAccessLog: false })),
  "ours-chain-id": () => listenOurs(wholeChain({ returnsRequestId: "always", hasAccessLog: false })),
  "ours-chain-log": () => listenOurs(wholeChain({ returnsRequestId: "on-error", hasAccessLog: true })),
  raw: () => listen(createRawServer()),
  "raw-arrays": () => listen(createRawArraysServer()),
  "grpc-js": listenGrpcJs,
  "connect-node": () => listen(createHttp2Server(connectNodeAdapter({ routes: registerUsers }))),
  "connect-node-http1": () => listen(createHttp1Server(connectNodeAdapter({ routes: registerUsers }))),
  fastify: () => listenFastify(createFastifyServer()),
  ...REST_SERVERS,
} as const satisfies Record<string, () => Promise<number>>;

export type ServerName = keyof typeof SERVERS;

function listenGrpcJs(): Promise<number> {
  const server = createGrpcJsServer();
  return new Promise((resolve, reject) => {
    server.bindAsync(`${HOST}:0`, ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}
