import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type AnswerHead,
  appendMetadata,
  type CodecCall,
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
import { type IfMatchWriter, refuseIfNoneMatch } from "./response/if-match.ts";
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
    call.acceptedCompressions = headers.lookup("accept-encoding") ?? "identity";
    const announcedBytes = Number(headers.lookup("content-length"));
    if (announcedBytes > this.maxBodyBytes(call)) throw this.overflow(call);
    const encoding = headers.lookup("content-encoding");
    if (encoding === null) return;
    try {
      call.requestCompression = call.entry.compressions.ofRequest(encoding, "accept-encoding");
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
    return this.#expand(call, body);
  }

  async #expand(call: CodecCall, body: Buffer): Promise<Message> {
    try {
      return this.#read(call, await expandBody(call, call.requestCompression as NonNullable<typeof call.requestCompression>, body));
    } catch (error) {
      const isTooLarge = error instanceof ConnectError && error.code === Code.ResourceExhausted;
      // With details it is about all calls, and worth another try.
      if (isTooLarge && error.details.length === 0) this.#errorStatus = 413;
      throw error;
    }
  }

  #read({ exchange: { headers } }: CodecCall, body: Uint8Array): Message {
    const { binding, reader, writeIfMatch } = this.#route;
    const contentType = headers.lookup("content-type");
    const message = reader.read({ values: this.#values, query: this.#query, body, contentType });
    if (isRead(binding)) return message;
    writeIfMatch(message, headers.lookup("if-match"));
    refuseIfNoneMatch(headers.lookup("if-none-match"));
    return message;
  }

  respond(call: CodecCall, message: Message): void | Promise<void> {
    const { binding, write } = this.#route;
    const { headers } = call.exchange;
    const { contentType, body, etag } = write(message);
    if (etag === undefined) return sendBody(call, [":status", "200", "content-type", contentType], body);

    if (isRead(binding)) {
      // Source: RFC 9110, 13.2.2.
      const ifMatch = headers.lookup("if-match");
      if (ifMatch !== null && !ifMatchHits(ifMatch, etag)) throw this.#mismatch();
      const ifNoneMatch = headers.lookup("if-none-match");
      if (ifNoneMatch !== null && ifNoneMatchHits(ifNoneMatch, etag)) return notModified(call, etag);
    }
    return sendBody(call, [":status", "200", "content-type", contentType, "etag", etag], body);
  }

  fail(call: CodecCall, error: ConnectError): void {
    const { settings } = this.#route;
    const hadIfMatch = call.exchange.headers.lookup("if-match") !== null;
    const status = this.#errorStatus ?? statusOfError(error, hadIfMatch);
    const { contentType, body } = writeErrorBody(error, status, settings.errorFormat);
    const head: AnswerHead = [":status", String(status), "content-type", contentType];
    appendMetadata(call, head, errorMetadata(error));
    // Not compressed: it is short, and may be about the compression. What the handler has set is about its answer.
    head.push("content-length", String(Buffer.byteLength(body)));
    call.exchange.respond(head, Buffer.from(body));
  }

  #mismatch(): ConnectError {
    this.#errorStatus = 412;
    return new ConnectError("the resource's etag is not the one in If-Match", Code.Aborted);
  }
}

/** GET, and HEAD, which is GET without the body. */
function isRead({ httpMethod }: Binding): boolean {
  return httpMethod === "GET" || httpMethod === "HEAD";
}

/** Source: RFC 9110, 15.4.5. */
function notModified(call: CodecCall, etag: string): void {
  const head: AnswerHead = [":status", "304", "etag", etag];
  appendMetadata(call, head, call.responseHeader);
  call.exchange.respond(head);
}
