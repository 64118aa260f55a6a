import type { Codec, CodecCall, UnaryCodec } from "./codec.ts";
import { checkBody, decodeEnvelope, EXCESS_BYTES, moreThanOneMessage, PREFIX_BYTES } from "./encoding/envelope.ts";
import { parseGrpcTimeout } from "./encoding/timeout.ts";

/** What gRPC and gRPC-Web say in a request's headers. Source: gRPC over HTTP/2, "Requests". */
export const grpcRequestHeaders: Pick<Codec, "timeoutMs" | "begin"> = {
  timeoutMs: ({ exchange }) => parseGrpcTimeout(exchange.headers.lookup("grpc-timeout")),
  begin(call: CodecCall) {
    const { headers } = call.exchange;
    const encoding = headers.lookup("grpc-encoding");
    call.acceptedCompressions = headers.lookup("grpc-accept-encoding");
    call.requestCompression = call.entry.compressions.ofRequest(encoding, "grpc-accept-encoding");
  },
};

/** How both read the one message of a unary request. */
export const oneEnvelope: Pick<UnaryCodec, "checkBody" | "maxBodyBytes" | "overflow" | "decode"> = {
  checkBody,
  maxBodyBytes: ({ entry }) => PREFIX_BYTES + entry.readMaxBytes + EXCESS_BYTES,
  overflow: moreThanOneMessage,
  decode: decodeEnvelope,
};
