import type { DescMethod, JsonReadOptions, JsonWriteOptions, Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { CallHeaders } from "../call/call-headers.ts";
import type { AnswerTrailers, Exchange } from "../connection/exchange.ts";
import type { Compression, Compressions } from "./encoding/compression.ts";
import type { MessageFormat } from "./encoding/message-format.ts";

/** What a codec needs to know of the method that is called. */
export interface CodecMethod {
  readonly method: DescMethod;
  readonly compressions: Compressions;
  readonly compressMinBytes: number;
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
  /** How deep messages may be nested. */
  readonly maxDepth: number;
  readonly requireConnectProtocolHeader: boolean;
  /** For the details of errors in JSON. */
  readonly jsonOptions: Partial<JsonReadOptions & JsonWriteOptions> | undefined;
  readonly formats: Readonly<Record<MessageFormat["name"], MessageFormat>>;
}

/** One call as its codec sees it. */
export interface CodecCall {
  readonly exchange: Exchange;
  readonly entry: CodecMethod;
  readonly format: MessageFormat;
  /** How the request is compressed; a codec's `begin` finds out. */
  requestCompression: Compression | undefined;
  /** What the client accepts, as its header says. */
  acceptedCompressions: string | null;
  readonly responseHeader: CallHeaders;
  readonly responseTrailer: CallHeaders;
  /** A handler has set a header that HTTP cannot carry: it is left out, and whoever runs the server hears of it. */
  reportUnsendable(name: string): void;
  /** Counts what a message expanded to. @throws ConnectError RESOURCE_EXHAUSTED when there is no room for it */
  holdExpanded(bytes: number): void;
}

/** `rest`: google.api.http, by an extension. */
export type ProtocolName = "grpc" | "grpc-web" | "connect" | "rest";

/** How calls of one protocol stand in HTTP. */
export interface Codec {
  readonly protocol: ProtocolName;
  /** The answer's content-type. */
  contentType(format: MessageFormat): string;
  /** The client's timeout in milliseconds, not clamped. @throws ConnectError INVALID_ARGUMENT */
  timeoutMs(call: CodecCall): number | undefined;
  /** Looks at the headers, before the body is read. @throws ConnectError for what cannot be served */
  begin(call: CodecCall): void;
}

export interface UnaryCodec extends Codec {
  /** Whether the request is all in its headers: what comes as a body is not kept. */
  readonly ignoresBody?: boolean;
  /** Looks at what there is of the body, after each part. @throws ConnectError when that cannot be taken */
  checkBody(call: CodecCall, body: Buffer, isFirstLook: boolean): void;
  /** How many bytes of body there may be at most. */
  maxBodyBytes(call: CodecCall): number;
  /** What is wrong with a body of more. */
  overflow(call: CodecCall): ConnectError;
  /** @throws ConnectError */
  decode(call: CodecCall, body: Buffer): Message | Promise<Message>;
  /** Writes the answer. @throws ConnectError when the message cannot be encoded; nothing was written then */
  respond(call: CodecCall, message: Message): void | Promise<void>;
  /** Writes the error as the protocol has it. */
  fail(call: CodecCall, error: ConnectError): void;
}

/** Messages stand in envelopes, in every protocol; what differs is what announces them, and how they end. */
export interface StreamCodec extends Codec {
  /** Names the compression of the answer's messages. */
  readonly encodingHeader: string;
  /** Without an error: the call has succeeded. */
  end(call: CodecCall, error: ConnectError | undefined): StreamEnd;
}

/** What follows the last message. */
export interface StreamEnd {
  /** An envelope in the body. */
  readonly envelope?: Uint8Array;
  readonly trailers?: AnswerTrailers;
}
