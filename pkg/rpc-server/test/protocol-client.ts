import { Agent } from "node:http";
import { type CallOptions, type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";

const TRANSPORTS = {
  grpc: createGrpcTransport,
  "grpc-web": createGrpcWebTransport,
  connect: createConnectTransport,
} as const;

export type Protocol = keyof typeof TRANSPORTS;

/** What clients may speak; gRPC needs HTTP/2. */
export const WIRES = [
  { protocol: "grpc", httpVersion: "2" },
  { protocol: "grpc-web", httpVersion: "2" },
  { protocol: "connect", httpVersion: "2" },
  { protocol: "grpc-web", httpVersion: "1.1" },
  { protocol: "connect", httpVersion: "1.1" },
] as const satisfies readonly { protocol: Protocol; httpVersion: "1.1" | "2" }[];

export type Wire = (typeof WIRES)[number];
export type ProtocolClient = Client<typeof EchoService>;

/** connect-es's client with a connection of its own, which is closed when the test ends. */
export function connectBy({ protocol, httpVersion }: Wire, baseUrl: string): ProtocolClient {
  if (httpVersion === "1.1") {
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    return createClient(EchoService, TRANSPORTS[protocol]({ baseUrl, httpVersion, nodeOptions: { agent } }));
  }
  const sessionManager = new Http2SessionManager(baseUrl);
  onTestFinished(() => sessionManager.abort());
  return createClient(EchoService, TRANSPORTS[protocol]({ baseUrl, httpVersion, sessionManager }));
}

interface Ask {
  readonly text?: string;
  readonly delayMs?: number;
  readonly failCode?: Code;
  readonly throwText?: string;
}

/** The kinds of calls, each with one message in and one out unless told otherwise. */
export const KINDS = {
  unary: (client, { text = "", ...behaviour }, options) => client.echo({ text, behaviour }, options),
  server_stream: (client, { text = "", ...behaviour }, options) =>
    collect(client.echoServerStream({ text, count: 1, behaviour }, options)),
  client_stream: (client, { text = "", ...behaviour }, options) =>
    client.echoClientStream(streamOf({ text, behaviour }), options),
  bidi_stream: (client, { text = "", ...behaviour }, options) =>
    collect(client.echoBidiStream(streamOf({ text, behaviour }), options)),
} as const satisfies Record<string, (client: ProtocolClient, ask: Ask, options?: CallOptions) => Promise<unknown>>;

export type Kind = keyof typeof KINDS;

/** Each kind of call by each wire that can carry it. */
export const CALLS = WIRES.flatMap((wire) =>
  (Object.keys(KINDS) as Kind[])
    .filter((kind) => kind !== "bidi_stream" || wire.httpVersion === "2")
    .map((kind) => ({
      ...wire,
      kind,
      call: (baseUrl: string, ask: Ask = {}, options?: CallOptions) =>
        KINDS[kind](connectBy(wire, baseUrl), ask, options),
    })),
);

/** The name of the code that the client is told; `OK` for an answer. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "OK",
    (error) => Code[ConnectError.from(error).code],
  );
}

export async function* streamOf<T>(...messages: T[]): AsyncGenerator<T, void> {
  yield* messages;
}

export async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
}
