import type { ConnectError } from "@connectrpc/connect";
import { endStreamToJson } from "@connectrpc/connect/protocol-connect";
import type { CodecCall, UnaryCodec } from "./codec.ts";
import { envelope } from "./envelope.ts";
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
