import { Agent } from "node:http";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type CallOptions, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import {
  credentials,
  type CallOptions as GrpcCallOptions,
  Client as GrpcJsClient,
  type ServiceError,
} from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import type { BehaviourSchema } from "./gen/echo/v1/echo_service_pb.ts";
import * as echo from "./gen/echo/v1/echo_service_pb.ts";

type Behaviour = MessageInitShape<typeof BehaviourSchema>;

/** One face for every client of the echo service. Errors are ConnectErrors, from all. */
export interface EchoClient {
  unary(text: string, behaviour?: Behaviour, options?: CallOptions): Promise<string>;
  serverStream(text: string, count: number, behaviour?: Behaviour): Promise<string[]>;
  clientStream(texts: string[]): Promise<string>;
  bidiStream(texts: string[]): Promise<string[]>;
}

interface ClientKind {
  readonly name: string;
  /** HTTP/1.1 is half-duplex: bidirectional streaming needs HTTP/2. */
  readonly bidi: boolean;
  /** Keeps connections open until the test ends. */
  readonly connect: (baseUrl: string) => EchoClient;
}

/** connect-es's three protocols over both versions of HTTP, and grpc-js. */
export const clientKinds: readonly ClientKind[] = [
  ...Object.entries({ connect: createConnectTransport, "grpc-web": createGrpcWebTransport }).map(
    ([protocol, createTransport]) => ({
      name: `${protocol} over HTTP/1.1`,
      bidi: false,
      connect: (baseUrl: string) => {
        const agent = new Agent({ keepAlive: true });
        onTestFinished(() => agent.destroy());
        return fromTransport(createTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent } }));
      },
    }),
  ),
  ...Object.entries({
    connect: createConnectTransport,
    "grpc-web": createGrpcWebTransport,
    grpc: createGrpcTransport,
  }).map(([protocol, createTransport]) => ({
    name: `${protocol} over HTTP/2`,
    bidi: true,
    connect: (baseUrl: string) => {
      const sessionManager = new Http2SessionManager(baseUrl);
      onTestFinished(() => sessionManager.abort());
      return fromTransport(createTransport({ baseUrl, httpVersion: "2", sessionManager }));
    },
  })),
  { name: "grpc-js", bidi: true, connect: connectGrpcJs },
];

/** The client kind of that name. */
export function clientKind(name: string): ClientKind {
  const kind = clientKinds.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new Error(`no client ${name}`);
  return kind;
}

export function fromTransport(transport: Transport): EchoClient {
  const client = createClient(echo.EchoService, transport);
  return {
    unary: async (text, behaviour, options) =>
      (await client.echo({ text, ...(behaviour && { behaviour }) }, options)).text,
    serverStream: (text, count, behaviour) =>
      collect(client.echoServerStream({ text, count, ...(behaviour && { behaviour }) })),
    clientStream: async (texts) => (await client.echoClientStream(streamOf(texts))).text,
    bidiStream: (texts) => collect(client.echoBidiStream(streamOf(texts))),
  };
}

async function* streamOf(texts: string[]) {
  for (const text of texts) yield { text };
}

async function collect(messages: AsyncIterable<{ text: string }>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of messages) texts.push(text);
  return texts;
}

/** grpc-js wants functions to write and read each message; protobuf-es has one pair for all. */
function connectGrpcJs(baseUrl: string): EchoClient {
  const client = new GrpcJsClient(new URL(baseUrl).host, credentials.createInsecure());
  onTestFinished(() => client.close());
  const { method } = echo.EchoService;

  return {
    unary: (text, behaviour, options) =>
      promised<echo.EchoResponse>((done) => {
        const call = client.makeUnaryRequest(
          path(method.echo.name),
          (m: echo.EchoRequest) => Buffer.from(toBinary(echo.EchoRequestSchema, m)),
          (b) => fromBinary(echo.EchoResponseSchema, b),
          create(echo.EchoRequestSchema, { text, ...(behaviour && { behaviour }) }),
          deadlineOf(options),
          done,
        );
        options?.signal?.addEventListener("abort", () => call.cancel());
      }).then((m) => m.text),
    serverStream: (text, count, behaviour) =>
      grpcErrors(
        collect(
          client.makeServerStreamRequest(
            path(method.echoServerStream.name),
            (m: echo.EchoServerStreamRequest) => Buffer.from(toBinary(echo.EchoServerStreamRequestSchema, m)),
            (b) => fromBinary(echo.EchoServerStreamResponseSchema, b),
            create(echo.EchoServerStreamRequestSchema, { text, count, ...(behaviour && { behaviour }) }),
          ),
        ),
      ),
    clientStream: (texts) =>
      promised<echo.EchoClientStreamResponse>((done) => {
        const call = client.makeClientStreamRequest(
          path(method.echoClientStream.name),
          (m: echo.EchoClientStreamRequest) => Buffer.from(toBinary(echo.EchoClientStreamRequestSchema, m)),
          (b) => fromBinary(echo.EchoClientStreamResponseSchema, b),
          done,
        );
        for (const text of texts) call.write(create(echo.EchoClientStreamRequestSchema, { text }));
        call.end();
      }).then((m) => m.text),
    bidiStream: (texts) => {
      const call = client.makeBidiStreamRequest(
        path(method.echoBidiStream.name),
        (m: echo.EchoBidiStreamRequest) => Buffer.from(toBinary(echo.EchoBidiStreamRequestSchema, m)),
        (b) => fromBinary(echo.EchoBidiStreamResponseSchema, b),
      );
      for (const text of texts) call.write(create(echo.EchoBidiStreamRequestSchema, { text }));
      call.end();
      return grpcErrors(collect(call));
    },
  };
}

function path(methodName: string): string {
  return `/${echo.EchoService.typeName}/${methodName}`;
}

function deadlineOf(options: CallOptions | undefined): GrpcCallOptions {
  return options?.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs };
}

type Done<T> = (error: ServiceError | null, value?: T) => void;

function promised<T>(start: (done: Done<T>) => void): Promise<T> {
  return grpcErrors(
    new Promise<T>((resolve, reject) => {
      start((error, value) => (error === null ? resolve(value as T) : reject(error)));
    }),
  );
}

function grpcErrors<T>(promise: Promise<T>): Promise<T> {
  return promise.catch((error: ServiceError) => {
    throw new ConnectError(error.details, Number(error.code));
  });
}
