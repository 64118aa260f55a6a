import { isUtf8 } from "node:buffer";
import {
  type BinaryReadOptions,
  type BinaryWriteOptions,
  type DescMessage,
  fromBinary,
  fromJsonString,
  type JsonReadOptions,
  type JsonWriteOptions,
  type Message,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { compileBinaryWriter } from "./binary-writer.ts";
import { compileJsonWriter } from "./json-writer.ts";

/** How messages of one method are written: `proto` or `json`. */
export interface MessageFormat {
  readonly name: "proto" | "json";
  /** @throws ConnectError INVALID_ARGUMENT */
  decode(bytes: Uint8Array): Message;
  /** @throws ConnectError INTERNAL when the message cannot be written, RESOURCE_EXHAUSTED above writeMaxBytes */
  encode(message: Message): Uint8Array;
}

export interface FormatOptions {
  readonly writeMaxBytes: number;
  readonly maxDepth: number;
  readonly jsonOptions?: Partial<JsonReadOptions & JsonWriteOptions> | undefined;
  readonly binaryOptions?: Partial<BinaryReadOptions & BinaryWriteOptions> | undefined;
}

interface Method {
  readonly input: DescMessage;
  readonly output: DescMessage;
}

export function createProtoFormat({ input, output }: Method, options: FormatOptions): MessageFormat {
  const writeBinary = compileBinaryWriter(output, options.binaryOptions);
  const readOptions = { recursionLimit: options.maxDepth, ...options.binaryOptions };
  return {
    name: "proto",
    decode(bytes) {
      try {
        return fromBinary(input, bytes, readOptions);
      } catch (error) {
        throw undecodable(error, input);
      }
    },
    encode: (message) => write(() => writeBinary(message), options.writeMaxBytes),
  };
}

/** Unknown fields are ignored, as connect-es has it, unless jsonOptions say otherwise. */
export function createJsonFormat({ input, output }: Method, options: FormatOptions): MessageFormat {
  const jsonOptions = { ignoreUnknownFields: true, recursionLimit: options.maxDepth, ...options.jsonOptions };
  const writeJson = compileJsonWriter(output, jsonOptions);
  return {
    name: "json",
    decode(bytes) {
      if (!isUtf8(bytes)) throw new ConnectError("the message is not valid UTF-8", Code.InvalidArgument);
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
      assertDepth(text, options.maxDepth);
      try {
        return fromJsonString(input, text, jsonOptions);
      } catch (error) {
        throw undecodable(error, input);
      }
    },
    encode: (message) => write(() => Buffer.from(writeJson(message), "utf8"), options.writeMaxBytes),
  };
}

/** How protobuf-es's messages begin. */
const NAMES_FIELD = /cannot decode (field|message) [\w.]+/;

/** Names the field where it is known. protobuf-es's own messages quote the input, and messages end up in logs. */
function undecodable(error: unknown, { typeName }: DescMessage): ConnectError {
  const [reason = `cannot decode message ${typeName}`] = NAMES_FIELD.exec(String(error)) ?? [];
  return new ConnectError(reason, Code.InvalidArgument, undefined, undefined, error);
}

function write(encode: () => Uint8Array, writeMaxBytes: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = encode();
  } catch (error) {
    throw new ConnectError("the answer cannot be encoded", Code.Internal, undefined, undefined, error);
  }
  if (bytes.length <= writeMaxBytes) return bytes;
  throw new ConnectError(
    `the answer is ${bytes.length} bytes long; the limit is ${writeMaxBytes}`,
    Code.ResourceExhausted,
  );
}

/**
 * What is nested in unknown fields protobuf-es does not count, but JSON.parse builds: open brackets are counted first.
 * @throws ConnectError INVALID_ARGUMENT
 */
export function assertDepth(text: string, maxDepth: number, what = "the message"): void {
  if (text.length <= maxDepth) return;
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (isInString) {
      if (char === BACKSLASH) i++;
      else if (char === QUOTE) isInString = false;
    } else if (char === QUOTE) isInString = true;
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      depth++;
      if (depth > maxDepth) {
        throw new ConnectError(`${what} is nested more than ${maxDepth} deep`, Code.InvalidArgument);
      }
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth--;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
