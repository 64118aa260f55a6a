import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type AnswerHead,
  appendMetadata,
  type CodecCall,
  type Compression,
  errorMetadata,
  expandBody,
  type MethodEntry,
  parseGrpcTimeout,
  sendBody,
  type UnaryCodec,
} from "@grpc-service-template/rpc-server/protocol";
import { readTimeoutMs } from "./metadata/timeout.ts";
import type { RestSettings } from "./options.ts";
import type { RequestReader } from "./request/request-reader.ts";
import { statusOfError, writeErrorBody } from "./response/error-body.ts";
import { ifMatchHits, ifNoneMatchHits } from "./response/etag.ts";
import { type IfMatchWriter, refuseIfNoneMatch, refuseTags } from "./response/if-match.ts";
import type { ResponseWriter } from "./response/response-writer.ts";
import type { Binding } from "./rules/binding.ts";

/** A binding, ready to be called. */
export interface Route {
  readonly binding: Binding;
  readonly entry: MethodEntry;
  readonly settings: RestSettings;
  readonly reader: RequestReader;
  readonly writeIfMatch: IfMatchWriter;
  readonly write: ResponseWriter;
  /** Whether answers have an etag field. */
  readonly answersEtag: boolean;
  /** Whether requests have a google.api.HttpBody. */
  readonly takesAnyContentType: boolean;
  /** Whether answers have one. */
  readonly sendsAnyContentType: boolean;
}

/** One call by REST: what its path and query say, and how it is answered. */
export class RestCodec implements UnaryCodec {
  readonly protocol = "rest";
  readonly #route: Route;
  readonly #values: readonly string[];
  readonly #query: string;
  /** Headers that the codec needs; handlers may not see them. */
  #contentType: string | null = null;
  #ifMatch: string | null = null;
  #ifNoneMatch: string | null = null;
  /** Where HTTP has a status of its own for an error: 412, 413, 415. */
  #errorStatus: number | undefined;

  constructor(route: Route, values: readonly string[], query: string) {
    this.#route = route;
    this.#values = values;
    this.#query = query;
  }

  contentType(): string {
    return "application/json";
  }

  timeoutMs({ exchange }: CodecCall): number | undefined {
    return readTimeoutMs(exchange.headers, parseGrpcTimeout);
  }

  begin(call: CodecCall): void {
    const { headers } = call.exchange;
    this.#contentType = headers.lookup("content-type");
    this.#ifMatch = headers.lookup("if-match");
    this.#ifNoneMatch = headers.lookup("if-none-match");
    call.acceptedCompressions = headers.lookup("accept-encoding") ?? "identity";
    const announcedBytes = Number(headers.lookup("content-length"));
    if (announcedBytes > this.maxBodyBytes(call)) throw this.overflow(call);
    const encoding = headers.lookup("content-encoding");
    if (encoding !== null) call.requestCompression = this.#compressionOf(call, encoding);
    this.#route.settings.headers.hideRequestHeaders?.(headers);
  }

  #compressionOf({ entry }: CodecCall, encoding: string): CodecCall["requestCompression"] {
    try {
      return entry.compressions.ofRequest(encoding, "accept-encoding");
    } catch (error) {
      // Source: RFC 9110, 15.5.16.
      this.#errorStatus = 415;
      throw error;
    }
  }

  checkBody(): void {}

  maxBodyBytes({ entry }: CodecCall): number {
    return this.#route.binding.body === undefined ? 0 : entry.readMaxBytes;
  }

  overflow({ entry }: CodecCall): ConnectError {
    if (this.#route.binding.body === undefined) {
      return new ConnectError("this method takes no body", Code.InvalidArgument);
    }
    // Source: RFC 9110, 15.5.14.
    this.#errorStatus = 413;
    return new ConnectError(`the body is longer than ${entry.readMaxBytes} bytes`, Code.ResourceExhausted);
  }

  decode(call: CodecCall, body: Buffer): Message | Promise<Message> {
    if (call.requestCompression === undefined || body.length === 0) return this.#read(call, body);
    return this.#expand(call, call.requestCompression, body);
  }

  async #expand(call: CodecCall, compression: Compression, body: Buffer): Promise<Message> {
    let expanded: Uint8Array;
    try {
      expanded = await expandBody(call, compression, body);
    } catch (error) {
      const isTooLarge = error instanceof ConnectError && error.code === Code.ResourceExhausted;
      // With details it is about all calls, and worth another try.
      if (isTooLarge && error.details.length === 0) this.#errorStatus = 413;
      throw error;
    }
    return this.#read(call, expanded);
  }

  #read({ exchange }: CodecCall, body: Uint8Array): Message {
    const { reader, writeIfMatch, answersEtag } = this.#route;
    const parts = { values: this.#values, query: this.#query, body, contentType: this.#contentType };
    const message = reader.read(parts);
    if (isRead(exchange.method)) {
      if (!answersEtag) refuseTags(this.#ifMatch);
      return message;
    }
    writeIfMatch(message, this.#ifMatch);
    refuseIfNoneMatch(this.#ifNoneMatch);
    return message;
  }

  respond(call: CodecCall, message: Message): void | Promise<void> {
    const { write, sendsAnyContentType, settings } = this.#route;
    const { contentType, body, etag: written } = write(message);
    // A longer one would not fit into a block of headers.
    const etag = written !== undefined && written.length <= MAX_ETAG_CHARS ? written : undefined;
    settings.headers.hideMetadata?.(call.responseHeader);
    settings.headers.hideMetadata?.(call.responseTrailer);
    const head: AnswerHead = [":status", "200", "content-type", contentType];
    // What a client has uploaded must not become a page of ours. Source: Fetch standard, X-Content-Type-Options.
    if (sendsAnyContentType) head.push("x-content-type-options", "nosniff");
    // If-Match is judged before If-None-Match. Source: RFC 9110, 13.2.2.
    const isReading = isRead(call.exchange.method);
    if (isReading && this.#ifMatch !== null && !ifMatchHits(this.#ifMatch, etag)) throw this.#mismatch();
    if (etag === undefined) return sendBody(call, head, body);

    call.responseHeader.delete("etag");
    if (isReading && ifNoneMatchHits(this.#ifNoneMatch, etag)) return notModified(call, etag, body.length);
    head.push("etag", etag);
    return sendBody(call, head, body);
  }

  fail(call: CodecCall, error: ConnectError): void {
    const { settings } = this.#route;
    const status = this.#errorStatus ?? statusOfError(error, this.#ifMatch !== null);
    const { contentType, body } = writeErrorBody(error, status, settings.errorFormat, settings.registry);
    const head: AnswerHead = [":status", String(status), "content-type", contentType];
    const metadata = errorMetadata(error);
    settings.headers.hideMetadata?.(metadata);
    appendMetadata(call, head, metadata);
    // Not compressed: it is short, and may be about the compression. What the handler has set is about its answer.
    head.push("content-length", String(body.length));
    call.exchange.respond(head, body);
  }

  #mismatch(): ConnectError {
    this.#errorStatus = 412;
    return new ConnectError("the resource's etag is not the one in If-Match", Code.Aborted);
  }
}

const MAX_ETAG_CHARS = 8 * 1024;

/** GET, and HEAD, which is GET without the body. Of the request: a rule may take any method. */
function isRead(httpMethod: string): boolean {
  return httpMethod === "GET" || httpMethod === "HEAD";
}

/** Has what caches need of the answer that it stands for. Source: RFC 9110, 15.4.5. */
function notModified(call: CodecCall, etag: string, bodyBytes: number): void {
  const head: AnswerHead = [":status", "304", "etag", etag];
  if (bodyBytes >= call.entry.compressMinBytes) head.push("vary", "accept-encoding");
  appendMetadata(call, head, call.responseHeader);
  call.exchange.respond(head);
}
