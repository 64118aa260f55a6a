import type { ConnectError } from "@connectrpc/connect";
import type { AnswerHead } from "../connection/exchange.ts";
import type { Codec, CodecCall, StreamCodec, UnaryCodec } from "./codec.ts";
import { type Enveloped, encodeEnvelope, envelope } from "./encoding/envelope.ts";
import { appendMetadata } from "./encoding/metadata.ts";
import { errorMetadata, statusHeaders } from "./encoding/status.ts";
import { grpcRequestHeaders, oneEnvelope } from "./enveloped.ts";

/** Marks the envelope that holds the trailers. Source: gRPC-Web, "HTTP/2 related differences". */
const TRAILERS = 0x80;
const OK = envelope(TRAILERS, Buffer.from("grpc-status: 0\r\n"));

/** gRPC-Web, without its base64 variant. Source: github.com/grpc/grpc, doc/PROTOCOL-WEB.md. */
const grpcWeb: Codec = {
  protocol: "grpc-web",
  contentType: ({ name }) => (name === "proto" ? "application/grpc-web+proto" : "application/grpc-web+json"),
  ...grpcRequestHeaders,
};

export const grpcWebCodec: UnaryCodec = {
  ...grpcWeb,
  ...oneEnvelope,

  respond(call, message) {
    const enveloped = encodeEnvelope(call, message);
    return enveloped instanceof Promise ? enveloped.then((done) => respond(call, done)) : respond(call, enveloped);
  },

  fail(call, error) {
    const head: AnswerHead = [":status", "200", "content-type", this.contentType(call.format)];
    appendMetadata(call, head, call.responseHeader);
    call.exchange.respond(head, trailersOf(call, error));
  },
};

export const grpcWebStreamCodec: StreamCodec = {
  ...grpcWeb,
  encodingHeader: "grpc-encoding",
  end: (call, error) => ({ envelope: trailersOf(call, error) }),
};

function respond(call: CodecCall, { bytes, encoding }: Enveloped): void {
  const head: AnswerHead = [":status", "200", "content-type", grpcWebCodec.contentType(call.format)];
  if (encoding !== undefined) head.push("grpc-encoding", encoding);
  appendMetadata(call, head, call.responseHeader);
  call.exchange.respond(head, Buffer.concat([bytes, trailersOf(call)]));
}

function trailersOf(call: CodecCall, error?: ConnectError): Buffer {
  const { responseTrailer } = call;
  if (error === undefined && responseTrailer.lines === 0) return OK;
  const trailers: AnswerHead = error === undefined ? ["grpc-status", "0"] : [...statusHeaders(error)];
  appendMetadata(call, trailers, responseTrailer);
  if (error !== undefined) appendMetadata(call, trailers, errorMetadata(error));
  return encodeTrailers(trailers);
}

function encodeTrailers(trailers: AnswerHead): Buffer {
  let text = "";
  for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  return envelope(TRAILERS, Buffer.from(text, "latin1"));
}
