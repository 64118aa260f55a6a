import { Agent } from "node:http";
import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";

/** A protocol on a version of HTTP. */
export interface Wire {
  readonly name: string;
  readonly protocolName: "grpc" | "grpc-web" | "connect";
  readonly httpVersion: "1.1" | "2";
  readonly requestMethod: "POST" | "GET";
  /** Keeps its connection open until the test ends. */
  readonly connect: (baseUrl: string) => Transport;
}

export const grpc: Wire = {
  name: "gRPC over HTTP/2",
  protocolName: "grpc",
  httpVersion: "2",
  requestMethod: "POST",
  connect: (baseUrl) => {
    const sessionManager = new Http2SessionManager(baseUrl);
    onTestFinished(() => sessionManager.abort());
    return createGrpcTransport({ baseUrl, sessionManager });
  },
};

export const grpcWeb: Wire = {
  name: "gRPC-Web over HTTP/1.1",
  protocolName: "grpc-web",
  httpVersion: "1.1",
  requestMethod: "POST",
  connect: (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent: openAgent() } }),
};

export const connect: Wire = {
  name: "Connect over HTTP/1.1",
  protocolName: "connect",
  httpVersion: "1.1",
  requestMethod: "POST",
  connect: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent: openAgent() } }),
};

export const connectGet: Wire = {
  name: "Connect GET over HTTP/1.1",
  protocolName: "connect",
  httpVersion: "1.1",
  requestMethod: "GET",
  connect: (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true, nodeOptions: { agent: openAgent() } }),
};

function openAgent(): Agent {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  return agent;
}
