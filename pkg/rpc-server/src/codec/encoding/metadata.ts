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

/** A larger block of headers ends an HTTP/2 connection (node:http2, maxSendHeaderBlockLength: 64 KiB). */
const MAX_BLOCK_BYTES = 60 * 1024;
/** What a header takes besides its name and value, at most. Source: RFC 7541, 6.2. */
const LINE_BYTES = 12;

/** Adds what a handler has set to an answer's headers. What is reserved, cannot be sent, or is too much, is left out. */
export function appendMetadata(call: CodecCall, head: AnswerHead, metadata: CallHeaders, prefix = ""): void {
  if (metadata.lines === 0) return;
  let bytes = 0;
  for (let i = 0; i < head.length; i += 2) bytes += bytesOf(head[i] as string, head[i + 1] as string);
  metadata.each((name, value) => {
    if (!isSendable(call, name, value)) return;
    const more = bytesOf(prefix + name, value);
    if (bytes + more > MAX_BLOCK_BYTES) {
      call.reportUnsendable(name);
      return;
    }
    bytes += more;
    head.push(prefix + name, value);
  });
}

/** The same for an answer's trailers. */
export function addTrailers(call: CodecCall, trailers: Record<string, string | string[]>, metadata: CallHeaders): void {
  const flat: string[] = [];
  for (const [name, values] of Object.entries(trailers)) for (const value of [values].flat()) flat.push(name, value);
  const from = flat.length;
  appendMetadata(call, flat, metadata);
  for (let i = from; i < flat.length; i += 2) {
    const [name, value] = [flat[i] as string, flat[i + 1] as string];
    const existing = trailers[name];
    if (existing === undefined) trailers[name] = value;
    else trailers[name] = Array.isArray(existing) ? [...existing, value] : [existing, value];
  }
}

function bytesOf(name: string, value: string): number {
  return name.length + value.length + LINE_BYTES;
}

function isSendable(call: CodecCall, name: string, value: string): boolean {
  if (RESERVED.has(name)) return false;
  if (SENDABLE.test(value)) return true;
  call.reportUnsendable(name);
  return false;
}
