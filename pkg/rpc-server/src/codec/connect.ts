import { Code, ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import type { AnswerHead } from "../connection/exchange.ts";
import type { CodecCall, UnaryCodec } from "./codec.ts";
import { decodeCompressed } from "./encoding/decode-compressed.ts";
import { appendMetadata } from "./encoding/metadata.ts";
import { errorMetadata } from "./encoding/status.ts";
import { parseConnectTimeout } from "./encoding/timeout.ts";
import { sendBody, sendPlainBody } from "./plain-body.ts";

/** Unary calls by POST. Source: connectrpc.com/docs/protocol, "Unary-Request", "Unary-Response". */
export const connectCodec: UnaryCodec = {
  protocol: "connect",
  contentType: ({ name }) => (name === "proto" ? "application/proto" : "application/json"),
  timeoutMs: ({ exchange }) => parseConnectTimeout(exchange.headers.lookup("connect-timeout-ms")),

  begin(call) {
    const { headers } = call.exchange;
    call.acceptedCompressions = headers.lookup("accept-encoding");
    requireVersion(call, headers.lookup("connect-protocol-version"), "connect-protocol-version: 1");
    call.requestCompression = call.entry.compressions.ofRequest(headers.lookup("content-encoding"), "accept-encoding");
    assertFits(call, Number(headers.lookup("content-length")));
  },

  checkBody() {},
  maxBodyBytes: ({ entry }) => entry.readMaxBytes,
  overflow: ({ entry }) =>
    new ConnectError(`the message is longer than ${entry.readMaxBytes} bytes`, Code.ResourceExhausted),

  decode(call, body) {
    if (call.requestCompression === undefined || body.length === 0) return call.format.decode(body);
    return decodeCompressed(call, call.requestCompression, body);
  },

  respond(call, message) {
    const bytes = call.format.encode(message);
    return sendBody(call, [":status", "200", "content-type", this.contentType(call.format)], bytes);
  },

  fail(call, error) {
    const head: AnswerHead = [":status", String(codeToHttpStatus(error.code)), "content-type", "application/json"];
    const body = errorJson(error, call);
    appendMetadata(call, head, errorMetadata(error));
    // Not compressed: it is short, and may be about the compression.
    sendPlainBody(call, head, body);
  },
};

function errorJson(error: ConnectError, { entry: { jsonOptions } }: CodecCall): Uint8Array {
  try {
    return errorToJsonBytes(error, jsonOptions);
  } catch {
    // A detail that cannot be encoded: the code and the message are worth more than it.
    return errorToJsonBytes(new ConnectError(error.rawMessage, error.code), jsonOptions);
  }
}

/** @throws ConnectError RESOURCE_EXHAUSTED for a length that is announced and too large */
function assertFits({ entry }: CodecCall, announcedBytes: number): void {
  if (announcedBytes > entry.readMaxBytes) throw tooLarge(announcedBytes, entry.readMaxBytes);
}

export function tooLarge(bytes: number, readMaxBytes: number): ConnectError {
  return new ConnectError(`the message is ${bytes} bytes long; the limit is ${readMaxBytes}`, Code.ResourceExhausted);
}

/** @throws ConnectError INVALID_ARGUMENT for another version, and for none where the method requires one */
export function requireVersion({ entry }: CodecCall, value: string | null, expected: string): void {
  const wanted = expected.slice(expected.search(/[ =]/) + 1);
  if (value === wanted || (value === null && !entry.requireConnectProtocolHeader)) return;
  const given = value === null ? "is missing" : "is not supported";
  throw new ConnectError(`the Connect protocol version ${given}: send ${expected}`, Code.InvalidArgument);
}
