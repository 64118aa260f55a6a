import { type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import type { Interceptor, ServiceImpl } from "@connectrpc/connect";
import { createRpcServer, type RpcServerOptions } from "@grpc-service-template/rpc-server";
import { onTestFinished } from "vitest";
import { createRestTranscoder, type RestOptions } from "../src/index.ts";
import { LibraryService, MessagingService } from "./gen/library/v1/library_pb.ts";
import { type HttpAnswer, send, type Wire } from "./http-client.ts";
import { libraryService, messagingService } from "./library-service.ts";

export interface LibraryOptions {
  readonly rest?: RestOptions;
  readonly server?: Partial<RpcServerOptions>;
  /** In place of those of the library service. */
  readonly handlers?: Partial<ServiceImpl<typeof LibraryService>>;
}

export interface CallInit {
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes and text are sent as they are, anything else as JSON. */
  readonly body?: JsonValue | Uint8Array;
  readonly wire?: Wire;
}

export interface Received {
  readonly rpc: string;
  /** The request, without what has no value. */
  readonly message: JsonObject;
  readonly header: Headers;
}

export interface Library {
  readonly port: number;
  /** What handlers were given, in turn. */
  readonly received: Received[];
  /** What onError was told. */
  readonly errors: unknown[];
  /** Sends `GET /v1/…`. */
  call(line: string, init?: CallInit): Promise<HttpAnswer>;
}

/** Starts the library service with REST on a free port; it is closed when the test ends. */
export async function startLibrary({ rest = {}, server = {}, handlers = {} }: LibraryOptions = {}): Promise<Library> {
  const received: Received[] = [];
  const errors: unknown[] = [];
  const record: Interceptor = (next) => (request) => {
    if (!request.stream) {
      const message = toJson(request.method.input, request.message) as JsonObject;
      received.push({ rpc: request.method.name, message, header: request.header });
    }
    return next(request);
  };
  const { interceptors = [], ...others } = server;
  const rpcServer = createRpcServer({
    routes: (router) =>
      router.service(LibraryService, { ...libraryService, ...handlers }).service(MessagingService, messagingService),
    protocols: [createRestTranscoder(rest)],
    onError: (error) => errors.push(error),
    interceptors: [record, ...interceptors],
    ...others,
  });
  const { port } = await rpcServer.listen({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => rpcServer.close());
  return { port, received, errors, call: (line, init = {}) => call(port, line, init) };
}

function call(port: number, line: string, { headers = {}, body, wire }: CallInit): Promise<HttpAnswer> {
  const space = line.indexOf(" ");
  const method = line.slice(0, space);
  const target = line.slice(space + 1);
  return send(port, { method, target, headers, body: bytesOf(body) }, wire);
}

function bytesOf(body: CallInit["body"]): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

export function jsonOf({ body }: Pick<HttpAnswer, "body">): JsonValue {
  return JSON.parse(body.toString("utf8")) as JsonValue;
}
