import { Writable } from "node:stream";
import { type Client, type ConnectRouter, createClient, type Interceptor, type ServiceImpl } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { type CallObserver, createRpcServer, type RpcServer } from "@grpc-service-template/rpc-server";
import { onTestFinished } from "vitest";
import winston from "winston";
import { createLogger, type Logger } from "#internal/pkg/logger/logger.ts";
import { echoService } from "../../../pkg/rpc-server/test/echo-service.ts";
import { EchoService } from "../../../pkg/rpc-server/test/gen/echo/v1/echo_service_pb.ts";
import { codeName } from "./code-name.ts";

export { EchoService };

const TRANSPORTS = {
  grpc: createGrpcTransport,
  "grpc-web": createGrpcWebTransport,
  connect: createConnectTransport,
} as const;

export type Protocol = keyof typeof TRANSPORTS;

export const PROTOCOLS = Object.keys(TRANSPORTS) as readonly Protocol[];

export interface EchoServer {
  readonly baseUrl: string;
  readonly server: RpcServer;
  /** A client over HTTP/2 with a connection of its own. */
  client(protocol?: Protocol): Client<typeof EchoService>;
}

export interface EchoServerOptions {
  /** Around every call, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  readonly observers?: readonly CallObserver[];
  /** Methods that do something else than the echo service's. */
  readonly echo?: Partial<ServiceImpl<typeof EchoService>>;
  /** Further services. */
  readonly routes?: (router: ConnectRouter) => void;
}

/** Serves the echo service on a free port until the test ends. */
export async function startEchoServer({
  echo,
  routes,
  interceptors = [],
  observers = [],
}: EchoServerOptions): Promise<EchoServer> {
  const server = createRpcServer({
    interceptors,
    observers,
    routes(router) {
      router.service(EchoService, { ...echoService, ...echo });
      routes?.(router);
    },
  });
  const { port } = await server.listen({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  const baseUrl = `http://127.0.0.1:${port}`;
  return {
    baseUrl,
    server,
    client: (protocol = "grpc") => createClient(EchoService, connectTo(baseUrl, protocol)),
  };
}

/** A transport over an HTTP/2 connection of its own, which is closed when the test ends. */
export function connectTo(baseUrl: string, protocol: Protocol) {
  const sessionManager = new Http2SessionManager(baseUrl);
  onTestFinished(() => sessionManager.abort());
  return TRANSPORTS[protocol]({ baseUrl, httpVersion: "2", sessionManager });
}

export type LogLine = { readonly level: string; readonly message: string } & Readonly<Record<string, unknown>>;

/** The service's own logger at level debug, and the lines it has written. */
export function captureLog(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const stream = new Writable({
    write(line, _encoding, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  const logger = createLogger({ level: "debug", format: "json", service: "echo", version: "1" });
  logger.clear().add(new winston.transports.Stream({ stream }));
  return { logger, lines };
}

/** Writes down what an observer hears, one word an event; the end as `end OK` or `end <code>`. */
export function recordCalls(): { readonly observer: CallObserver; readonly heard: string[]; ended(): Promise<void> } {
  const heard: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    heard,
    /** Resolves at the first end. */
    ended: () => promise,
    observer: {
      begin: ({ kind }) => heard.push(`begin ${kind}`),
      received: () => heard.push("received"),
      sent: () => heard.push("sent"),
      end(_call, error) {
        heard.push(`end ${error ? codeName(error.code) : "OK"}`);
        resolve();
      },
    },
  };
}

/** Messages for a client or bidirectional stream, one for each of the given inits. */
export async function* streamOf<T>(...messages: T[]): AsyncGenerator<T, void> {
  yield* messages;
}

/** All messages of a stream. */
export async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
}
