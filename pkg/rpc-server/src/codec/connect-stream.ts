import { ConnectError } from "@connectrpc/connect";
import { endStreamToJson } from "@connectrpc/connect/protocol-connect";
import { CallHeaders } from "../call/call-headers.ts";
import type { AnswerHead } from "../connection/exchange.ts";
import type { CodecCall, StreamCodec } from "./codec.ts";
import { requireVersion } from "./connect.ts";
import { envelope } from "./encoding/envelope.ts";
import { appendMetadata } from "./encoding/metadata.ts";
import { errorMetadata } from "./encoding/status.ts";
import { parseConnectTimeout } from "./encoding/timeout.ts";

/** Marks the envelope that ends an answer. Source: connectrpc.com/docs/protocol, "Streaming-Response". */
const END_STREAM = 0b10;
const OK = envelope(END_STREAM, Buffer.from("{}"));

/** Source: connectrpc.com/docs/protocol, "Streaming-Request", "Streaming-Response", "Error-End-Stream". */
export const connectStreamCodec: StreamCodec = {
  protocol: "connect",
  encodingHeader: "connect-content-encoding",
  contentType: ({ name }) => (name === "proto" ? "application/connect+proto" : "application/connect+json"),
  timeoutMs: ({ exchange }) => parseConnectTimeout(exchange.headers.lookup("connect-timeout-ms")),

  begin(call) {
    const { headers } = call.exchange;
    call.acceptedCompressions = headers.lookup("connect-accept-encoding");
    requireVersion(call, headers.lookup("connect-protocol-version"), "connect-protocol-version: 1");
    const encoding = headers.lookup("connect-content-encoding");
    call.requestCompression = call.entry.compressions.ofRequest(encoding, "connect-accept-encoding");
  },

  end(call, error) {
    if (error === undefined && call.responseTrailer.lines === 0) return { envelope: OK };
    const metadata: AnswerHead = [];
    appendMetadata(call, metadata, call.responseTrailer);
    if (error !== undefined) appendMetadata(call, metadata, errorMetadata(error));
    return { envelope: envelope(END_STREAM, Buffer.from(endJson(call, new CallHeaders(metadata), error))) };
  },
};

function endJson({ entry: { jsonOptions } }: CodecCall, metadata: CallHeaders, error: ConnectError | undefined) {
  if (error === undefined) return JSON.stringify(endStreamToJson(metadata, undefined, jsonOptions));
  // A copy without metadata, which connect-es would merge in.
  const bare = new ConnectError(error.rawMessage, error.code);
  try {
    bare.details = error.details;
    return JSON.stringify(endStreamToJson(metadata, bare, jsonOptions));
  } catch {
    // A detail that cannot be encoded: the code and the message are worth more than it.
    bare.details = [];
    return JSON.stringify(endStreamToJson(metadata, bare, jsonOptions));
  }
}
