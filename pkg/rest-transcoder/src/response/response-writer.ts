import { create, type DescField, type DescMessage, type Message, type Registry } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { compileFieldJsonWriter, compileJsonWriter } from "@grpc-service-template/rpc-server/protocol";
import { type HttpBody, HttpBodySchema } from "../gen/google/api/httpbody_pb.ts";
import type { Binding } from "../rules/binding.ts";
import { findEtagField, formatEtag, readEtag } from "./etag.ts";

export interface ResponseOptions {
  /**
   * Writes fields that have their default value, lists and maps that are empty included; messages and `optional` fields
   * that are not set are left out. Default: true, since clients without the proto expect every field.
   */
  readonly alwaysEmitImplicit?: boolean | undefined;
  /** Writes enum values as numbers. Default: false, their names. */
  readonly enumAsInteger?: boolean | undefined;
  /** Writes 64-bit integers as numbers; JavaScript clients lose digits beyond 2^53. Default: false, strings. */
  readonly int64AsNumbers?: boolean | undefined;
  /** Writes `display_name` for `displayName`. Default: false. */
  readonly useProtoFieldName?: boolean | undefined;
  /** Knows the types in google.protobuf.Any and extensions. Default: none; an Any is an error then. */
  readonly registry?: Registry | undefined;
  /** The field that an answer's `ETag` is taken from. Default: `etag`; undefined: there are no ETags. */
  readonly etagField?: string | undefined;
  /** Whether that field holds whole entity tags, `"foo"`, which are sent as they are. Default: false, it is put in quotes. */
  readonly quotedEtags?: boolean | undefined;
  /** The most that a body may be long. */
  readonly writeMaxBytes: number;
}

export interface ResponseBody {
  readonly contentType: string;
  /** Text is ASCII. */
  readonly body: Uint8Array | string;
  /** As the header `ETag` has it. */
  readonly etag?: string;
}

/** @throws ConnectError INTERNAL when the answer cannot be written, RESOURCE_EXHAUSTED above writeMaxBytes */
export type ResponseWriter = (message: Message) => ResponseBody;

/**
 * Compiles how a method's answers become the bodies of HTTP responses.
 * Source: google/api/http.proto, `response_body`; google/api/httpbody.proto.
 */
export function compileResponseWriter(binding: Binding, options: ResponseOptions): ResponseWriter {
  const { rpc, responseBody } = binding;
  const desc = responseBody === undefined ? rpc.output : messageOf(responseBody);
  const select = compileSelect(responseBody);
  const write = desc?.typeName === HttpBodySchema.typeName ? compileRaw(select) : compileJson(binding, options);
  const etagField = findAnswersEtag(binding, "etagField" in options ? options.etagField : "etag");

  return (message) => {
    const written = encode(() => write(message), options.writeMaxBytes);
    const holder = etagField && select(message);
    const value = etagField && holder && readEtag(holder, etagField);
    const etag = value === undefined ? undefined : formatEtag(value, options.quotedEtags === true);
    return etag === undefined ? written : { ...written, etag };
  };
}

/** The field of a method's answers that carries their etag. */
export function findAnswersEtag(
  { rpc, responseBody }: Pick<Binding, "rpc" | "responseBody">,
  etagField: string | undefined,
): DescField | undefined {
  const desc = responseBody === undefined ? rpc.output : messageOf(responseBody);
  return desc && findEtagField(desc, etagField);
}

/** Whether a method's answers name their own content type, since they are a google.api.HttpBody. */
export function sendsAnyContentType({ rpc, responseBody }: Pick<Binding, "rpc" | "responseBody">): boolean {
  const desc = responseBody === undefined ? rpc.output : messageOf(responseBody);
  return desc?.typeName === HttpBodySchema.typeName;
}

/** The message that is the body; undefined when it is not set. */
type Select = (message: Message) => Message | undefined;

function compileSelect(field: DescField | undefined): Select {
  if (field === undefined) return (message) => message;
  const { localName, oneof } = field;
  if (oneof === undefined) return (message) => (message as Message & Record<string, Message | undefined>)[localName];
  return (message) => {
    const chosen = (message as Message & Record<string, unknown>)[oneof.localName] as {
      case?: string;
      value?: Message;
    };
    return chosen.case === localName ? chosen.value : undefined;
  };
}

function messageOf({ fieldKind, message }: DescField): DescMessage | undefined {
  return fieldKind === "message" ? message : undefined;
}

function compileJson({ rpc, responseBody }: Binding, options: ResponseOptions): ResponseWriter {
  const {
    alwaysEmitImplicit = true,
    enumAsInteger = false,
    int64AsNumbers = false,
    useProtoFieldName = false,
  } = options;
  const jsonOptions = {
    alwaysEmitImplicit,
    enumAsInteger,
    int64AsNumbers,
    useProtoFieldName,
    ...(options.registry && { registry: options.registry }),
  };
  const write =
    responseBody === undefined
      ? compileJsonWriter(rpc.output, jsonOptions)
      : compileFieldJsonWriter(responseBody, jsonOptions);
  return (message) => ({ contentType: "application/json", body: encodeText(write(message)) });
}

/** Most JSON is ASCII, and need not become bytes before it is written. */
function encodeText(text: string): Uint8Array | string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text, "utf8");
}

const EMPTY = create(HttpBodySchema);
const OCTETS = "application/octet-stream";

/** After the type, anything that HTTP carries and nobody reads differently: ASCII. Source: RFC 9110, 5.5 and 8.3.1. */
const MEDIA_TYPE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[\t ]*;[\t\x20-\x7e]*)?$/;

function compileRaw(select: Select): ResponseWriter {
  return (message) => {
    const { contentType, data } = (select(message) ?? EMPTY) as HttpBody;
    if (!(data instanceof Uint8Array)) throw new Error("google.api.HttpBody without data");
    return { contentType: MEDIA_TYPE.test(contentType) ? contentType : OCTETS, body: data };
  };
}

function encode(write: () => ResponseBody, writeMaxBytes: number): ResponseBody {
  let written: ResponseBody;
  try {
    written = write();
  } catch (error) {
    throw new ConnectError("the answer cannot be encoded", Code.Internal, undefined, undefined, error);
  }
  const { length } = written.body;
  if (length <= writeMaxBytes) return written;
  throw new ConnectError(`the answer is ${length} bytes long; the limit is ${writeMaxBytes}`, Code.ResourceExhausted);
}
