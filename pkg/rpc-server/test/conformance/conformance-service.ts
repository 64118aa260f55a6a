import { setTimeout as sleep } from "node:timers/promises";
import { create, createRegistry, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  ConformanceService,
  type Error as ErrorDefinition,
  file_connectrpc_conformance_v1_service,
  type Header,
  HeaderSchema,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  type StreamResponseDefinition,
  UnaryRequestSchema,
  type UnaryResponseDefinition,
} from "../gen/connectrpc/conformance/v1/service_pb.ts";

/** Registers the service that the suite calls, with what its cases need of the server. */
export function registerConformanceService(router: ConnectRouter): void {
  router.service(ConformanceService, implementation, {
    // Answers are small: compressed only because of this.
    compressMinBytes: 0,
    // JSON answers hold requests as google.protobuf.Any, which JSON can only write when it knows their types.
    jsonOptions: { registry: createRegistry(file_connectrpc_conformance_v1_service) },
  });
}

/** What each method does is written in service.proto. `unimplemented` is missing here because the suite wants it so. */
const implementation: Partial<ServiceImpl<typeof ConformanceService>> = {
  unary: (request, context) => answer(request.responseDefinition, [anyPack(UnaryRequestSchema, request)], context),

  idempotentUnary: (request, context) =>
    answer(request.responseDefinition, [anyPack(IdempotentUnaryRequestSchema, request)], context),

  async clientStream(requests, context) {
    const { first, packed } = await readAll(ClientStreamRequestSchema, requests);
    return answer(first?.responseDefinition, packed, context);
  },

  async *serverStream(request, context) {
    const definition = request.responseDefinition;
    setMetadata(definition, context);
    const info = describeCall(context, [anyPack(ServerStreamRequestSchema, request)]);
    yield* answers(definition, 0, info);
    failIfTold(definition, info);
  },

  async *bidiStream(requests, context) {
    const iterator = requests[Symbol.asyncIterator]();
    const opening = await iterator.next();
    if (opening.done) return;
    const definition = opening.value.responseDefinition;
    setMetadata(definition, context);

    let sent = 0;
    let pending = [anyPack(BidiStreamRequestSchema, opening.value)];
    const data = definition?.responseData ?? [];
    if (opening.value.fullDuplex) {
      // One answer for each request; what is left when either side runs out is sent below.
      for (const bytes of data) {
        if (pending.length === 0) break;
        await sleep(definition?.responseDelayMs);
        yield { payload: { data: bytes, requestInfo: describeCall(context, pending) } };
        sent += 1;
        const next = await iterator.next();
        pending = next.done ? [] : [anyPack(BidiStreamRequestSchema, next.value)];
      }
    } else {
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
        pending.push(anyPack(BidiStreamRequestSchema, next.value));
      }
    }

    const info = describeCall(context, pending);
    yield* answers(definition, sent, info);
    failIfTold(definition, info);
  },
};

/** Of unary and client streaming calls: headers, trailers, delay, and the data or the error that the request asks for. */
async function answer(definition: UnaryResponseDefinition | undefined, requests: Any[], context: HandlerContext) {
  setMetadata(definition, context);
  await sleep(definition?.responseDelayMs);
  const requestInfo = describeCall(context, requests);
  if (definition?.response.case === "error") throw errorOf(definition.response.value, requestInfo);
  return { payload: { data: definition?.response.value ?? new Uint8Array(), requestInfo } };
}

/** The answers from the index on. The first of a stream says what came in, the others only carry data. */
async function* answers(
  definition: StreamResponseDefinition | undefined,
  from: number,
  requestInfo: ConformancePayload_RequestInfo,
) {
  for (const [index, data] of (definition?.responseData ?? []).entries()) {
    if (index < from) continue;
    // Not cut short by the call's signal: the server has to end calls whose handlers take no notice.
    await sleep(definition?.responseDelayMs);
    yield { payload: index === 0 ? { data, requestInfo } : { data } };
  }
}

function failIfTold(definition: StreamResponseDefinition | undefined, info: ConformancePayload_RequestInfo): void {
  if (definition?.error === undefined) return;
  throw errorOf(definition.error, definition.responseData.length === 0 ? info : undefined);
}

async function readAll<T extends DescMessage>(schema: T, requests: AsyncIterable<MessageShape<T>>) {
  let first: MessageShape<T> | undefined;
  const packed: Any[] = [];
  for await (const request of requests) {
    first ??= request;
    packed.push(anyPack(schema, request));
  }
  return { first, packed };
}

function setMetadata(
  definition: { responseHeaders: Header[]; responseTrailers: Header[] } | undefined,
  { responseHeader, responseTrailer }: HandlerContext,
): void {
  append(definition?.responseHeaders, responseHeader);
  append(definition?.responseTrailers, responseTrailer);
}

function append(headers: Header[] | undefined, to: Headers): void {
  for (const { name, value: values } of headers ?? []) {
    for (const value of values) to.append(name, value);
  }
}

/** What the server saw of the call; the suite compares it with what it sent. */
function describeCall(context: HandlerContext, requests: Any[]): ConformancePayload_RequestInfo {
  const { requestMethod, requestHeader, url } = context;
  const timeoutMs = context.timeoutMs();
  const queryParams = requestMethod === "GET" ? headersOf(new URL(url).searchParams) : undefined;
  return create(ConformancePayload_RequestInfoSchema, {
    requestHeaders: headersOf(requestHeader),
    requests,
    ...(timeoutMs !== undefined && { timeoutMs: BigInt(Math.trunc(timeoutMs)) }),
    ...(queryParams !== undefined && { connectGetInfo: { queryParams } }),
  });
}

function headersOf(entries: Iterable<[string, string]>): Header[] {
  return [...entries].map(([name, value]) => create(HeaderSchema, { name, value: [value] }));
}

function errorOf({ code, message, details }: ErrorDefinition, info?: ConformancePayload_RequestInfo): ConnectError {
  const error = new ConnectError(message ?? "", code || undefined);
  error.details = details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  if (info !== undefined) error.details.push({ desc: ConformancePayload_RequestInfoSchema, value: info });
  return error;
}
