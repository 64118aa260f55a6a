import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonReadOptions,
  type JsonValue,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import type { Binding } from "../rules/binding.ts";
import { badRequest, invalidArgument } from "./bad-request.ts";
import { takesAnyContentType } from "./content-type.ts";
import { fieldPathOf, type JsonPath } from "./field-path.ts";
import { readJsonBody } from "./json-body.ts";
import { findJsonViolations } from "./json-violations.ts";
import { compileLargeNumberCheck } from "./large-numbers.ts";
import { setField } from "./message-fields.ts";

export interface BodyOptions {
  readonly ignoreUnknownFields?: boolean | undefined;
  readonly maxDepth: number;
  readonly registry?: Registry | undefined;
}

interface ReadBody {
  readonly message: Message;
  /** Undefined when the body is empty, or no JSON. */
  readonly json: JsonValue | undefined;
}

/** @throws ConnectError INVALID_ARGUMENT */
export type BodyReader = (body: Uint8Array, contentType: string | null) => ReadBody;

/** The request message with what the body sets. An empty body sets nothing, as in grpc-gateway. */
export function compileBodyReader({ rpc, body }: Pick<Binding, "rpc" | "body">, options: BodyOptions): BodyReader {
  if (body === undefined) return compileNoBodyReader(rpc.input);
  if (takesAnyContentType({ rpc, body })) return compileRawReader(rpc.input, body);
  return compileJsonReader(rpc.input, body, options);
}

function compileNoBodyReader(input: DescMessage): BodyReader {
  return (bytes) => {
    if (bytes.length > 0) throw invalidArgument("this method takes no body");
    return { message: create(input), json: undefined };
  };
}

/** Source: google/api/httpbody.proto. */
function compileRawReader(input: DescMessage, body: DescField | "*"): BodyReader {
  return (data, contentType) => {
    const init = { contentType: contentType ?? "", data };
    if (body === "*") return { message: create(input, init), json: undefined };
    const message = create(input);
    const isPresent = contentType !== null || data.length > 0;
    if (isPresent) setField(message, body, create(body.message as DescMessage, init));
    return { message, json: undefined };
  };
}

function compileJsonReader(input: DescMessage, body: DescField | "*", options: BodyOptions): BodyReader {
  const { maxDepth, ignoreUnknownFields = false, registry } = options;
  // A field's value is read as that of a message with only this field, which is one more message.
  const recursionLimit = body === "*" ? maxDepth : maxDepth + 1;
  const readOptions = { ignoreUnknownFields, recursionLimit, ...(registry && { registry }) };
  const checkNumbers = compileLargeNumberCheck(input, registry);
  const nameField = (path: JsonPath) => fieldPathOf(input, body === "*" ? path : [body.jsonName, ...path]);
  return (bytes) => {
    if (bytes.length === 0) return { message: create(input), json: undefined };
    const { value: json, text } = readJsonBody(bytes, maxDepth, nameField);
    // A computed name, so that "__proto__" is one like others.
    const whole = body === "*" ? json : { [body.jsonName]: json };
    const message = readMessage(input, whole, readOptions);
    checkNumbers?.(whole, text);
    return { message, json };
  };
}

function readMessage(input: DescMessage, json: JsonValue, options: Partial<JsonReadOptions>): Message {
  try {
    return fromJson(input, json, options);
  } catch (error) {
    const violations = findJsonViolations(input, json, options);
    if (violations.length > 0) throw badRequest(violations);
    throw invalidArgument(`the body cannot be read as ${input.typeName}`, error);
  }
}
