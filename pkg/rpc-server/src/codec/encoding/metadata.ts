import type { CallHeaders } from "../../call/call-headers.ts";
import type { AnswerHead } from "../../connection/exchange.ts";
import type { CodecCall } from "../codec.ts";

/**
 * What a handler may not set, because the protocols or HTTP give it a meaning of their own: another value would break
 * the answer. Source: gRPC over HTTP/2, "Custom-Metadata"; Connect protocol, "Leading-Metadata"; RFC 9113, 8.2.2.
 */
const RESERVED: ReadonlySet<string> = new Set([
  "connect-content-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "date",
  "grpc-encoding",
  "grpc-message",
  "grpc-status",
  "grpc-status-details-bin",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** What HTTP carries. Source: RFC 9110, 5.5. */
const SENDABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Adds what a handler has set to an answer's headers. What is reserved, or cannot be sent, is left out. */
export function appendMetadata(call: CodecCall, head: AnswerHead, metadata: CallHeaders, prefix = ""): void {
  if (metadata.lines === 0) return;
  metadata.each((name, value) => {
    if (isSendable(call, name, value)) head.push(prefix + name, value);
  });
}

/** Adds what a handler has set to an answer's trailers. */
export function addTrailers(call: CodecCall, trailers: Record<string, string | string[]>, metadata: CallHeaders): void {
  metadata.each((name, value) => {
    if (!isSendable(call, name, value)) return;
    const existing = trailers[name];
    if (existing === undefined) trailers[name] = value;
    else trailers[name] = Array.isArray(existing) ? [...existing, value] : [existing, value];
  });
}

function isSendable(call: CodecCall, name: string, value: string): boolean {
  if (RESERVED.has(name)) return false;
  if (SENDABLE.test(value)) return true;
  call.reportUnsendable(name);
  return false;
}
