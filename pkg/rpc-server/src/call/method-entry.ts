import type { DescMethod, DescMethodUnary, DescService } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type {
  ConnectRouterOptions,
  HandlerContext,
  Interceptor,
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { CodecMethod } from "../codec/codec.ts";
import { Compressions, compressions } from "../codec/compression.ts";
import { createJsonFormat, createProtoFormat } from "../codec/message-format.ts";
import { CALL, type InterceptedCall } from "./intercepted-call.ts";
import type { ObservedCall } from "./observer.ts";

/** connect-es's implementation of a method, bound to its service. */
export interface MethodImplementation {
  readonly kind: DescMethod["methodKind"];
  readonly method: DescMethod;
  // biome-ignore lint/suspicious/noExplicitAny: each method has its own types, which its descriptor checks.
  readonly impl: (...args: any[]) => any;
}

/** How long calls of a method may take, in milliseconds. */
export interface MethodTimeouts {
  /** When the client sets no deadline. Default: for ever. */
  readonly defaultMs?: number;
  /** At most; what is longer is shortened, not refused. Default: no bound. */
  readonly maxMs?: number;
}

export type UnaryChain = (request: UnaryRequest) => Promise<UnaryResponse>;

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
  /** connect-es's own handler of a streaming method. */
  readonly stream: UniversalHandler | undefined;
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
  stream: UniversalHandler | undefined,
): MethodEntry {
  const { method } = spec;
  const writeMaxBytes = options.writeMaxBytes ?? defaults.writeMaxBytes;
  const { jsonOptions, binaryOptions } = options;
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
    allowsGet: method.methodKind === "unary" && method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    timeouts: defaults.timeouts(method),
    refuseTimeoutAboveMs: options.maxTimeoutMs ?? Number.POSITIVE_INFINITY,
    readMaxBytes: options.readMaxBytes ?? defaults.readMaxBytes,
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
    unary:
      method.methodKind === "unary" ? composeUnary(spec, options.interceptors ?? defaults.interceptors) : undefined,
    stream,
  };
}

/** Interceptors around the implementation, composed once. Which call a request belongs to, it carries with it. */
function composeUnary({ method, impl }: MethodImplementation, interceptors: readonly Interceptor[]): UnaryChain {
  const invoke = async (request: UnaryRequest | StreamRequest): Promise<UnaryResponse> => {
    const call = callOf(request);
    const output = await call.guard(impl(request.message, call.contextFor(request)));
    return {
      stream: false,
      service: method.parent,
      method: method as DescMethodUnary,
      header: call.responseHeader,
      trailer: call.responseTrailer,
      message: create(method.output, output),
    };
  };
  return interceptors.reduceRight<(request: UnaryRequest | StreamRequest) => Promise<UnaryResponse | StreamResponse>>(
    (next, interceptor) => interceptor(next),
    invoke,
  ) as UnaryChain;
}

/** `{...request}` takes the symbol along; one that is built anew has at least the call's contextValues. */
function callOf(request: UnaryRequest | StreamRequest): InterceptedCall {
  const carrier = request as { [CALL]?: InterceptedCall; contextValues: { [CALL]?: InterceptedCall } };
  const call = carrier[CALL] ?? carrier.contextValues[CALL];
  if (call === undefined) throw new Error("an interceptor has replaced the request and its contextValues");
  return call;
}
