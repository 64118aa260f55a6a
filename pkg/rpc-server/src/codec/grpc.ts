import type { ConnectError } from "@connectrpc/connect";
import type { AnswerHead, AnswerTrailers } from "../connection/exchange.ts";
import type { Codec, CodecCall, StreamCodec, UnaryCodec } from "./codec.ts";
import {
  checkBody,
  decodeEnvelope,
  type Enveloped,
  EXCESS_BYTES,
  encodeEnvelope,
  moreThanOneMessage,
  PREFIX_BYTES,
} from "./encoding/envelope.ts";
import { addTrailers, appendMetadata } from "./encoding/metadata.ts";
import { errorMetadata, statusHeaders } from "./encoding/status.ts";
import { parseGrpcTimeout } from "./encoding/timeout.ts";

const OK: AnswerTrailers = { "grpc-status": "0" };

/** gRPC over HTTP/2. Source: github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md, compression.md, statuscodes.md. */
const grpc: Codec = {
  protocol: "grpc",
  contentType: ({ name }) => (name === "proto" ? "application/grpc+proto" : "application/grpc+json"),
  timeoutMs: ({ exchange }) => parseGrpcTimeout(exchange.headers.lookup("grpc-timeout")),
  begin: beginEnveloped,
};

export const grpcCodec: UnaryCodec = {
  ...grpc,
  checkBody,
  maxBodyBytes: ({ entry }) => PREFIX_BYTES + entry.readMaxBytes + EXCESS_BYTES,
  overflow: moreThanOneMessage,
  decode: decodeEnvelope,

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

/** What gRPC and gRPC-Web say about compression in a request's headers. */
export function beginEnveloped(call: CodecCall): void {
  const { headers } = call.exchange;
  call.acceptedCompressions = headers.lookup("grpc-accept-encoding");
  call.requestCompression = call.entry.compressions.ofRequest(headers.lookup("grpc-encoding"), "grpc-accept-encoding");
}
