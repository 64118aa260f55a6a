import type { ConnectError } from "@connectrpc/connect";
import { endStreamFromJson, endStreamToJson } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import type { CodecCall, UnaryCodec } from "./codec.ts";
import { envelope, PREFIX_BYTES } from "./envelope.ts";
import { grpcCodec } from "./grpc.ts";
import { grpcWebCodec } from "./grpc-web.ts";

/** Source: connectrpc.com/docs/protocol, "Error-End-Stream". */
const END_STREAM = 0b10;

/** Answers a streaming call with nothing but an error. */
export function failStream(call: CodecCall, protocol: UnaryCodec["protocol"], error: ConnectError): void {
  if (protocol === "grpc") grpcCodec.fail(call, error);
  else if (protocol === "grpc-web") grpcWebCodec.fail(call, error);
  else failConnectStream(call, error);
}

function failConnectStream(call: CodecCall, error: ConnectError): void {
  const end = JSON.stringify(endStreamToJson(error.metadata, error, call.entry.jsonOptions));
  const contentType = `application/connect+${call.format.name}`;
  call.exchange.respond([":status", "200", "content-type", contentType], envelope(END_STREAM, Buffer.from(end)));
}

/**
 * The error in the last envelope of a stream of gRPC-Web or Connect, undefined when there is none: what connect-es says
 * there goes past the interceptors when a message cannot be encoded.
 */
export function readEndOfStream(protocol: UnaryCodec["protocol"], last: Uint8Array): ConnectError | undefined {
  const end = last.subarray(PREFIX_BYTES);
  const isCompressed = ((last[0] ?? 0) & 0b1) !== 0;
  if (protocol === "grpc" || isCompressed) return undefined;
  if (protocol === "grpc-web") return findTrailerError(trailerParse(end));
  return endStreamFromJson(end).error;
}
