import type { ConnectError } from "@connectrpc/connect";
import type { AnswerHead, AnswerTrailers } from "../connection/exchange.ts";
import type { Codec, CodecCall, StreamCodec, UnaryCodec } from "./codec.ts";
import { type Enveloped, encodeEnvelope } from "./encoding/envelope.ts";
import { addTrailers, appendMetadata } from "./encoding/metadata.ts";
import { errorMetadata, statusHeaders } from "./encoding/status.ts";
import { grpcRequestHeaders, oneEnvelope } from "./enveloped.ts";

const OK: AnswerTrailers = { "grpc-status": "0" };

/** gRPC over HTTP/2. Source: github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md, compression.md, statuscodes.md. */
const grpc: Codec = {
  protocol: "grpc",
  contentType: ({ name }) => (name === "proto" ? "application/grpc+proto" : "application/grpc+json"),
  ...grpcRequestHeaders,
};

export const grpcCodec: UnaryCodec = {
  ...grpc,
  ...oneEnvelope,

  respond(call, message) {
    const enveloped = encodeEnvelope(call, message);
    return enveloped instanceof Promise ? enveloped.then((done) => respond(call, done)) : respond(call, enveloped);
  },

  fail(call, error) {
    // Trailers-Only: headers that are trailers too.
    const head: AnswerHead = [":status", "200", "content-type", this.contentType(call.format), ...statusHeaders(error)];
    appendMetadata(call, head, call.responseHeader);
    appendMetadata(call, head, call.responseTrailer);
    appendMetadata(call, head, errorMetadata(error));
    call.exchange.respond(head);
  },
};

export const grpcStreamCodec: StreamCodec = {
  ...grpc,
  encodingHeader: "grpc-encoding",
  end: (call, error) => ({ trailers: trailersOf(call, error) }),
};

function respond(call: CodecCall, { bytes, encoding }: Enveloped): void {
  const head: AnswerHead = [":status", "200", "content-type", grpcCodec.contentType(call.format)];
  if (encoding !== undefined) head.push("grpc-encoding", encoding);
  appendMetadata(call, head, call.responseHeader);
  call.exchange.respond(head, bytes, trailersOf(call));
}

function trailersOf(call: CodecCall, error?: ConnectError): AnswerTrailers {
  const { responseTrailer } = call;
  if (error === undefined && responseTrailer.lines === 0) return OK;
  const trailers: Record<string, string | string[]> = Object.create(null);
  const status = error === undefined ? ["grpc-status", "0"] : statusHeaders(error);
  for (let i = 0; i < status.length; i += 2) trailers[status[i] as string] = status[i + 1] as string;
  addTrailers(call, trailers, responseTrailer);
  if (error !== undefined) addTrailers(call, trailers, errorMetadata(error));
  return trailers;
}
