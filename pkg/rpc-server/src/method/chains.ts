import {
  create,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type Message,
} from "@bufbuild/protobuf";
import type {
  HandlerContext,
  Interceptor,
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import { HandlerOutput } from "../call/stream/handler-output.ts";
import { moreThanOneMessage, noMessage } from "../codec/encoding/envelope.ts";
import { CALL, type InterceptedCall } from "./intercepted-call.ts";

/** connect-es's implementation of a method, bound to its service. */
export interface MethodImplementation {
  readonly kind: DescMethod["methodKind"];
  readonly method: DescMethod;
  // biome-ignore lint/suspicious/noExplicitAny: each method has its own types, which its descriptor checks.
  readonly impl: (...args: any[]) => any;
}

/** Interceptors around an implementation. */
export type UnaryChain = (call: InterceptedCall, message: Message) => Promise<UnaryResponse>;
export type StreamChain = (call: InterceptedCall, messages: AsyncIterable<Message>) => Promise<StreamResponse>;

type Next = (request: UnaryRequest | StreamRequest) => Promise<UnaryResponse | StreamResponse>;

/** Composed once: which call a request belongs to, it carries with it. Without interceptors nobody looks at a request. */
export function composeUnary({ method, impl }: MethodImplementation, interceptors: readonly Interceptor[]): UnaryChain {
  // An async function would cost another promise in every call.
  function handle(call: InterceptedCall, message: Message, context: HandlerContext): Promise<UnaryResponse> {
    try {
      const output = impl(message, context);
      return call.guard(output, (settled) => ({
        stream: false,
        service: method.parent,
        method: method as DescMethodUnary,
        header: call.responseHeader,
        trailer: call.responseTrailer,
        message: create(method.output, settled as Message),
      }));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  if (interceptors.length === 0) return (call, message) => handle(call, message, call.ownContext());
  const next = intercept(interceptors, (request) => {
    const call = callOf(request);
    return handle(call, request.message as Message, call.contextFor(request));
  });
  return (call, message) => next(call.requestOf(message)) as Promise<UnaryResponse>;
}

/** The same for a streaming method. */
export function composeStream(spec: MethodImplementation, interceptors: readonly Interceptor[]): StreamChain {
  const { method } = spec;
  const next = intercept(interceptors, async (request) => {
    const call = callOf(request);
    return {
      stream: true,
      service: method.parent,
      method: method as DescMethodStreaming,
      header: call.responseHeader,
      trailer: call.responseTrailer,
      message: await answer(spec, request as StreamRequest, call),
    };
  });
  return (call, messages) => next(call.requestOf(messages)) as Promise<StreamResponse>;
}

function intercept(interceptors: readonly Interceptor[], implementation: Next): Next {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), implementation);
}

async function answer(
  { kind, method, impl }: MethodImplementation,
  request: StreamRequest,
  call: InterceptedCall,
): Promise<AsyncIterable<Message>> {
  if (kind === "client_streaming") {
    const output = impl(request.message, call.contextFor(request));
    return only(await call.guard(output, (settled) => create(method.output, settled as Message)));
  }
  const input =
    kind === "server_streaming" ? await call.guard(single(request.message, call), (first) => first) : request.message;
  return new HandlerOutput(method.output, impl(input, call.contextFor(request)), call);
}

async function* only<T>(item: T): AsyncGenerator<T, void> {
  yield item;
}

/** @throws ConnectError UNIMPLEMENTED for none and for a second */
async function single(messages: AsyncIterable<Message>, call: InterceptedCall): Promise<Message> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) throw call.own(noMessage());
  const second = await iterator.next();
  if (!second.done) throw call.own(moreThanOneMessage());
  return first.value;
}

/** `{...request}` takes the symbol along; one that is built anew has at least the call's contextValues. */
function callOf(request: UnaryRequest | StreamRequest): InterceptedCall {
  const carrier = request as { [CALL]?: InterceptedCall; contextValues: { [CALL]?: InterceptedCall } };
  const call = carrier[CALL] ?? carrier.contextValues[CALL];
  if (call === undefined) throw new Error("an interceptor has replaced the request and its contextValues");
  return call;
}
