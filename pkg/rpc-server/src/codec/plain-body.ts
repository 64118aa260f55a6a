import type { AnswerBody, AnswerHead } from "../connection/exchange.ts";
import type { CodecCall } from "./codec.ts";
import { compress } from "./encoding/compression.ts";
import { appendMetadata } from "./encoding/metadata.ts";

/**
 * Answers with a body that HTTP itself describes, compressed where the client takes it and it is worth it, and with what the handler has
 * set: its trailers become headers whose names begin with `trailer-`.
 */
export function sendBody(call: CodecCall, head: AnswerHead, body: AnswerBody): void | Promise<void> {
  if (body.length >= call.entry.compressMinBytes) {
    head.push("vary", "accept-encoding");
    const compression = call.entry.compressions.ofResponse(call.acceptedCompressions, call.requestCompression);
    if (compression !== undefined) {
      head.push("content-encoding", compression.name);
      const compressed = compress(compression, typeof body === "string" ? Buffer.from(body, "latin1") : body);
      if (compressed instanceof Promise) return compressed.then((done) => sendPlainBody(call, head, done));
      return sendPlainBody(call, head, compressed);
    }
  }
  sendPlainBody(call, head, body);
}

/** The same, not compressed. */
export function sendPlainBody(call: CodecCall, head: AnswerHead, body: AnswerBody): void {
  appendMetadata(call, head, call.responseHeader);
  appendMetadata(call, head, call.responseTrailer, "trailer-");
  head.push("content-length", String(body.length));
  call.exchange.respond(head, body);
}
