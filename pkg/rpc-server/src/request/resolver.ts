import { Code } from "@connectrpc/connect";
import type { CallParts } from "../call/handled-call.ts";
import type { ProtocolName, StreamCodec, UnaryCodec } from "../codec/codec.ts";
import { connectCodec } from "../codec/connect.ts";
import { connectGetCodec } from "../codec/connect-get.ts";
import { connectStreamCodec } from "../codec/connect-stream.ts";
import type { MessageFormat } from "../codec/encoding/message-format.ts";
import { grpcCodec, grpcStreamCodec } from "../codec/grpc.ts";
import { grpcWebCodec, grpcWebStreamCodec } from "../codec/grpc-web.ts";
import type { AnswerHead, Exchange } from "../connection/exchange.ts";
import type { MethodEntry } from "../method/method-entry.ts";

type Protocol = "grpc" | "grpc-web" | "connect";

/** A call that can be served. */
export type Resolution =
  | (CallParts<UnaryCodec> & { readonly kind: "unary" })
  | (CallParts<StreamCodec> & { readonly kind: "stream" });

/** A request that is answered without a call. */
export interface Refusal {
  readonly kind: "refusal";
  /** Status and headers. */
  readonly head: AnswerHead;
  /** Text for people. Without it, the error is described as the server describes errors of HTTP itself. */
  readonly body?: string;
  /** In place of a body: the text of the gRPC status that is added to the headers (Trailers-Only). */
  readonly grpcMessage?: string;
  /** For observers: in the server's own words, quoting nothing. */
  readonly told: string;
  /** What it counts as. */
  readonly code: Code;
  readonly protocol: ProtocolName | "http";
  readonly entry?: MethodEntry;
}

/** A request that is answered by headers alone, as preflights are: it counts as nothing. */
export interface PlainAnswer {
  readonly kind: "answer";
  /** Status and headers. */
  readonly head: AnswerHead;
}

/** Decides at the end of a request's headers what it is; undefined: nothing that is known here. */
export type Resolver = (exchange: Exchange) => Resolution | Refusal | PlainAnswer | undefined;

interface ContentType {
  /** Without parameters. */
  readonly type: string;
  readonly protocol: Protocol;
  readonly isStream: boolean;
  readonly format: MessageFormat["name"];
  /** gRPC-Web in base64, which is not served. */
  readonly isText: boolean;
}

const GRPC = /^application\/grpc(-web(-text)?)?(?:\+(proto|json))?$/;
const CONNECT = /^application\/(connect\+)?(proto|json)$/;
/** One parameter: no two parts of it can take the same characters, so a long header is refused as soon as a short one. */
const PARAMETER = /^([\w-]+)=(?:"([^"]*)"|([^\s"]*))$/;

/** Content types come in a handful of spellings: each is parsed once. What else clients may invent is not kept. */
const parsed = new Map<string, ContentType>();
const MAX_PARSED = 100;

function contentTypeOf(header: string): ContentType | undefined {
  const known = parsed.get(header);
  if (known !== undefined) return known;
  const contentType = parseContentType(header);
  if (contentType !== undefined && parsed.size < MAX_PARSED) parsed.set(header, contentType);
  return contentType;
}

function parseContentType(header: string): ContentType | undefined {
  const [type = "", ...parameters] = header
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  if (!parameters.every(isParameter)) return undefined;
  const [isGrpc, web, text, grpcFormat = "proto"] = GRPC.exec(type) ?? [];
  if (isGrpc !== undefined) {
    const format = grpcFormat as MessageFormat["name"];
    const protocol = web === undefined ? "grpc" : "grpc-web";
    return { type, protocol, isStream: true, format, isText: text !== undefined };
  }
  const [isConnect, stream, connectFormat] = CONNECT.exec(type) ?? [];
  if (isConnect === undefined) return undefined;
  const format = connectFormat as MessageFormat["name"];
  return { type, protocol: "connect", isStream: stream !== undefined, format, isText: false };
}

/** Any that is well-formed, but another charset than UTF-8. Source: RFC 9110, 5.6.6 and 8.3. */
function isParameter(text: string): boolean {
  const [found, name, quoted, plain = quoted] = PARAMETER.exec(text) ?? [];
  return found !== undefined && (name !== "charset" || plain === "utf-8" || plain === "utf8");
}

const UNARY_CODECS: Readonly<Record<Protocol, UnaryCodec>> = {
  grpc: grpcCodec,
  "grpc-web": grpcWebCodec,
  connect: connectCodec,
};

const STREAM_CODECS: Readonly<Record<Protocol, StreamCodec>> = {
  grpc: grpcStreamCodec,
  "grpc-web": grpcWebStreamCodec,
  connect: connectStreamCodec,
};

/** Finds the methods of connect-es services by path, content type and HTTP method. */
export function createRpcResolver(
  entries: ReadonlyMap<string, MethodEntry>,
): (exchange: Exchange) => Resolution | Refusal | undefined {
  return (exchange) => {
    const { target, method } = exchange;
    const query = target.indexOf("?");
    const path = query < 0 ? target : target.slice(0, query);
    const entry = entries.get(path);
    if (entry === undefined) return undefined;

    const header = exchange.headers.lookup("content-type");
    const contentType = header === null ? undefined : contentTypeOf(header);
    if (entry.kind === "bidi_stream" && exchange.httpVersion !== "2") return bidiNeedsHttp2(entry);
    if (method === "GET" && entry.allowsGet && entry.serves.connect)
      return resolveGet(entry, target.slice(path.length));
    if (method !== "POST") return wrongMethod(entry);
    if (contentType === undefined || !isServed(entry, contentType)) return wrongContentType(entry);
    const { protocol, format } = contentType;
    if (protocol === "grpc" && exchange.httpVersion !== "2") return grpcNeedsHttp2(entry);
    const parts = { entry, format: entry.formats[format] };
    if (entry.kind === "unary") return { kind: "unary", ...parts, codec: UNARY_CODECS[protocol] };
    return { kind: "stream", ...parts, codec: STREAM_CODECS[protocol] };
  };
}

/** For what nobody else takes: calls of methods that are not there. */
export function refuseUnknownMethod({ target, headers }: Pick<Exchange, "target" | "headers">): Refusal | undefined {
  const header = headers.lookup("content-type");
  const contentType = header === null ? undefined : contentTypeOf(header);
  return unknownMethod(contentType, target.split("?", 1)[0] ?? "");
}

function isServed(entry: MethodEntry, { protocol, isStream, isText }: ContentType): boolean {
  return entry.serves[protocol] && !isText && (protocol !== "connect" || isStream === (entry.kind !== "unary"));
}

function resolveGet(entry: MethodEntry, query: string): Resolution | Refusal {
  const encoding = new URLSearchParams(query).get("encoding");
  if (encoding !== "proto" && encoding !== "json") {
    return refusal([":status", "415"], 'the parameter encoding must be "proto" or "json"', entry, "connect");
  }
  return { kind: "unary", entry, codec: connectGetCodec, format: entry.formats[encoding] };
}

/** A path may be as long as headers may be, and the client knows it anyway. */
const MAX_PATH_CHARS = 200;

/** gRPC has a status for it; for others it may be anything, and is nobody's. Source: gRPC over HTTP/2, "Responses". */
function unknownMethod(contentType: ContentType | undefined, path: string): Refusal | undefined {
  if (contentType === undefined || contentType.protocol === "connect") return undefined;
  const { protocol, type } = contentType;
  return {
    kind: "refusal",
    head: [":status", "200", "content-type", type],
    grpcMessage: `unknown method ${path.slice(0, MAX_PATH_CHARS)}`,
    told: "unknown method",
    code: Code.Unimplemented,
    protocol,
  };
}

function bidiNeedsHttp2(entry: MethodEntry): Refusal {
  // Closed, since the client may go on writing and wait. Source: as connect-es.
  return refusal([":status", "505", "connection", "close"], "bidirectional streaming needs HTTP/2", entry);
}

/** Source: gRPC over HTTP/2; grpc-go answers the same. */
function grpcNeedsHttp2(entry: MethodEntry): Refusal {
  return refusal([":status", "505", "connection", "close"], "gRPC needs HTTP/2", entry, "grpc");
}

function wrongMethod(entry: MethodEntry): Refusal {
  const allow = entry.allowsGet ? "GET, POST" : "POST";
  return refusal([":status", "405", "allow", allow], `this method is called by ${allow}`, entry);
}

/** Source: gRPC over HTTP/2, "Content-Type"; Connect protocol, "Unary-Request"; W3C Linked Data Platform, 7.1 (Accept-Post). */
function wrongContentType(entry: MethodEntry): Refusal {
  const types = entry.kind === "unary" ? CONNECT_UNARY_TYPES : CONNECT_STREAM_TYPES;
  const accepted = [
    ...(entry.serves.grpc ? GRPC_TYPES : []),
    ...(entry.serves["grpc-web"] ? GRPC_WEB_TYPES : []),
    ...(entry.serves.connect ? types : []),
  ].join(", ");
  const body = `the content type must be one of ${accepted}`;
  return { ...refusal([":status", "415", "accept-post", accepted], "unsupported content type", entry), body };
}

const GRPC_TYPES = ["application/grpc", "application/grpc+proto", "application/grpc+json"];
const GRPC_WEB_TYPES = ["application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json"];
const CONNECT_UNARY_TYPES = ["application/proto", "application/json"];
const CONNECT_STREAM_TYPES = ["application/connect+proto", "application/connect+json"];

function refusal(head: AnswerHead, told: string, entry: MethodEntry, protocol: Refusal["protocol"] = "http"): Refusal {
  return { kind: "refusal", head, body: told, told, code: Code.Unimplemented, protocol, entry };
}
