import type { CallHeaders } from "../call/call-headers.ts";
import type { AnswerHead } from "../connection/exchange.ts";
import type { CodecCall } from "./codec.ts";

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

/** What only a connection may say. Source: RFC 9110, 7.6.1; RFC 9113, 8.2.2. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The headers that connect-es's handler of a streaming call has made, its protocol's included. */
export function appendStreamHeaders(call: CodecCall, head: AnswerHead, headers: Headers): void {
  headers.forEach((value, name) => {
    if (HOP_BY_HOP.has(name)) return;
    if (SENDABLE.test(value)) head.push(name, value);
    else call.reportUnsendable(name);
  });
}

/** The same for its trailers. */
export function streamTrailers(call: CodecCall, headers: Headers): Record<string, string> {
  const trailers: Record<string, string> = Object.create(null);
  headers.forEach((value, name) => {
    if (HOP_BY_HOP.has(name)) return;
    if (SENDABLE.test(value)) trailers[name] = value;
    else call.reportUnsendable(name);
  });
  return trailers;
}
