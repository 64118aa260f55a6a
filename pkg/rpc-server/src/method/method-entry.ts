import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { ConnectRouterOptions, HandlerContext, Interceptor } from "@connectrpc/connect";
import type { ObservedCall } from "../call/observer.ts";
import type { CodecMethod } from "../codec/codec.ts";
import { Compressions, compressions } from "../codec/encoding/compression.ts";
import { createJsonFormat, createProtoFormat } from "../codec/encoding/message-format.ts";
import { composeStream, composeUnary, type MethodImplementation, type StreamChain, type UnaryChain } from "./chains.ts";

/** How long calls of a method may take, in milliseconds. */
export interface MethodTimeouts {
  /** When the client sets no deadline. Default: for ever. */
  readonly defaultMs?: number;
  /** At most; what is longer is shortened, not refused. Default: no bound. */
  readonly maxMs?: number;
}

/** One RPC, ready to be called. */
export interface MethodEntry extends CodecMethod {
  readonly service: DescService;
  /** `/user.v1.UserService/GetUser` */
  readonly path: string;
  readonly kind: ObservedCall["kind"];
  readonly serves: Readonly<Record<"grpc" | "grpc-web" | "connect", boolean>>;
  /** Whether it has no side effects, so that Connect clients may use GET. */
  readonly allowsGet: boolean;
  readonly timeouts: MethodTimeouts;
  /** A longer timeout is refused: connect-es's per-service option. */
  readonly refuseTimeoutAboveMs: number;
  readonly shutdownSignal: AbortSignal | undefined;
  readonly requestGate: ((context: HandlerContext) => void | Promise<void>) | undefined;
  /** Interceptors and implementation of a unary method. */
  readonly unary: UnaryChain | undefined;
  /** The same of a streaming method. */
  readonly stream: StreamChain | undefined;
}

/** What a server gives to all its methods. */
export interface EntryDefaults {
  readonly interceptors: readonly Interceptor[];
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
  readonly compressMinBytes: number;
  readonly maxDepth: number;
  readonly timeouts: (method: DescMethod) => MethodTimeouts;
}

const KINDS = {
  unary: "unary",
  client_streaming: "client_stream",
  server_streaming: "server_stream",
  bidi_streaming: "bidi_stream",
} as const;

/** Compiles one RPC. `options` are connect-es's for its service, and go before the server's. */
export function createMethodEntry(
  spec: MethodImplementation,
  options: Partial<ConnectRouterOptions>,
  defaults: EntryDefaults,
): MethodEntry {
  const { method } = spec;
  const writeMaxBytes = options.writeMaxBytes ?? defaults.writeMaxBytes;
  const { jsonOptions, binaryOptions, interceptors = defaults.interceptors } = options;
  const isUnary = method.methodKind === "unary";
  const formatOptions = { writeMaxBytes, maxDepth: defaults.maxDepth, jsonOptions, binaryOptions };
  return {
    method,
    service: method.parent,
    path: `/${method.parent.typeName}/${method.name}`,
    kind: KINDS[method.methodKind],
    serves: {
      grpc: options.grpc !== false,
      "grpc-web": options.grpcWeb !== false,
      connect: options.connect !== false,
    },
    allowsGet: isUnary && method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    timeouts: defaults.timeouts(method),
    refuseTimeoutAboveMs: options.maxTimeoutMs ?? Number.POSITIVE_INFINITY,
    readMaxBytes: options.readMaxBytes ?? defaults.readMaxBytes,
    writeMaxBytes,
    maxDepth: defaults.maxDepth,
    compressMinBytes: options.compressMinBytes ?? defaults.compressMinBytes,
    compressions: new Compressions(options.acceptCompression ?? compressions),
    requireConnectProtocolHeader: options.requireConnectProtocolHeader ?? false,
    formats: {
      proto: createProtoFormat(method, formatOptions),
      json: createJsonFormat(method, formatOptions),
    },
    jsonOptions,
    shutdownSignal: options.shutdownSignal,
    requestGate: options.requestGate,
    unary: isUnary ? composeUnary(spec, interceptors) : undefined,
    stream: isUnary ? undefined : composeStream(spec, interceptors),
  };
}
