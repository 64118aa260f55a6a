import { once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ConnectRouter, Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import { createRpcServer } from "../../src/index.ts";

/** What both servers are told: the part of their options that connect-es defines. */
export interface ServerSetup {
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors: readonly Interceptor[];
}

/** A server that promises connect-es's interfaces to handlers and interceptors. */
export interface ServerKind {
  readonly name: string;
  /** Listens on a free port of 127.0.0.1 until the test ends. Resolves with the base URL, without a slash at the end. */
  start(setup: ServerSetup, httpVersion: "1.1" | "2"): Promise<string>;
}

/** The reference: connect-es's own server on Node's own, with nothing in between. */
const connectNode: ServerKind = {
  name: "connect-node",
  async start({ routes, interceptors }, httpVersion) {
    const listener = connectNodeAdapter({ routes, interceptors: [...interceptors] });
    const server = httpVersion === "2" ? createHttp2Server(listener) : createHttp1Server(listener);
    server.listen({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
};

const rpcServer: ServerKind = {
  name: "rpc-server",
  async start({ routes, interceptors }) {
    const server = createRpcServer({ routes, interceptors });
    const { port } = await server.listen({ port: 0, host: "127.0.0.1" });
    onTestFinished(() => server.close());
    return `http://127.0.0.1:${port}`;
  },
};

export const serverKinds: readonly ServerKind[] = [connectNode, rpcServer];
