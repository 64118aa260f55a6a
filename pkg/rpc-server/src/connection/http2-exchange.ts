import { constants, Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from "node:http2";
import { CallHeaders } from "../call/call-headers.ts";
import { BaseExchange, SLICE_BYTES } from "./base-exchange.ts";
import type { Connection } from "./connection.ts";
import type { AnswerBody, AnswerHead, AnswerTrailers, NodeRequest, NodeResponse } from "./exchange.ts";

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants;

/** Where a stream keeps its exchange: listeners that all streams share cost nothing per call. */
const EXCHANGE = Symbol("exchange");

type StreamWithExchange = ServerHttp2Stream & { [EXCHANGE]?: Http2Exchange };

const AND_TRAILERS = { waitForTrailers: true };
const AND_NO_BODY = { endStream: true };

/** A stream of an HTTP/2 connection. */
export class Http2Exchange extends BaseExchange {
  readonly httpVersion = "2";
  readonly method: string;
  readonly target: string;
  readonly headers: CallHeaders;
  readonly #stream: ServerHttp2Stream;
  readonly #byName: NodeJS.Dict<string | string[]>;
  readonly #raw: string[];
  #trailers: AnswerTrailers | undefined;

  /** `byName` and `raw`: the headers as node:http2 gives them; names and values in turn, pseudo-headers first. */
  constructor(
    connection: Connection,
    stream: ServerHttp2Stream,
    byName: NodeJS.Dict<string | string[]>,
    raw: string[],
  ) {
    super(connection);
    this.#stream = stream;
    this.#byName = byName;
    this.#raw = raw;
    this.method = byName[":method"] as string;
    this.target = (byName[":path"] as string | undefined) ?? "";
    this.headers = new CallHeaders(raw, pseudoHeaderLength(raw));
    (stream as StreamWithExchange)[EXCHANGE] = this;
    stream.on("close", onStreamClose);
  }

  get host(): string | undefined {
    const byName = this.#byName;
    const raw = this.#raw;
    const authority = byName[":authority"] as string | undefined;
    if (byName.host === undefined) return authority;
    // Node keeps the first host only.
    const hosts = new Set(raw.filter((_, i) => i % 2 === 1 && raw[i - 1] === "host").map((host) => host.toLowerCase()));
    if (authority !== undefined) hosts.add(authority.toLowerCase());
    return hosts.size === 1 ? [...hosts][0] : undefined;
  }

  get namesHost(): boolean {
    return this.#byName.host !== undefined || this.#byName[":authority"] !== undefined;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  respond(head: AnswerHead, body?: AnswerBody, trailers?: AnswerTrailers): void {
    const stream = this.#stream;
    if (!this.#canRespond()) return;
    if (this.commonHeaders.length > 0) head.push(...this.commonHeaders);
    if (body === undefined || body.length === 0 || this.method === "HEAD") {
      stream.respond(head, AND_NO_BODY);
      this.finish();
      return;
    }
    this.hold(body.length);
    this.#trailers = trailers;
    if (trailers !== undefined) stream.on("wantTrailers", sendTrailers);
    stream.respond(head, trailers === undefined ? undefined : AND_TRAILERS);
    if (body.length <= SLICE_BYTES) stream.end(body, "latin1");
    else this.sendSlices(body);
    this.finish();
  }

  begin(head: AnswerHead): void {
    if (!this.#canRespond()) return;
    if (this.commonHeaders.length > 0) head.push(...this.commonHeaders);
    this.#stream.on("wantTrailers", sendTrailers);
    this.#stream.respond(head, AND_TRAILERS);
  }

  end(trailers?: AnswerTrailers): void {
    if (this.#stream.destroyed || !this.#stream.headersSent) return;
    this.#trailers = trailers;
    this.#stream.end();
    this.finish();
  }

  cut(): void {
    const stream = this.#stream;
    // After the whole answer it is a request to send no more. Source: RFC 9113, 8.1.
    if (!stream.destroyed) stream.close(stream.writableFinished ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
  }

  toNode(): { request: NodeRequest; response: NodeResponse } {
    const stream = this.#stream;
    const byName = this.#byName as ConstructorParameters<typeof Http2ServerRequest>[1];
    const request = new Http2ServerRequest(stream, byName, {}, this.#raw);
    const response = new Http2ServerResponse(stream);
    for (let i = 0; i < this.commonHeaders.length; i += 2) {
      response.appendHeader(this.commonHeaders[i] as string, this.commonHeaders[i + 1] as string);
    }
    return { request, response };
  }

  sayContinue(): void {
    if (this.#canRespond()) this.#stream.additionalHeaders({ ":status": 100 });
  }

  protected startReading(): void {
    this.#stream.on("data", onStreamData).on("end", onStreamEnd);
  }

  protected writePart(bytes: Uint8Array, done: () => void): void {
    if (!this.#stream.destroyed && this.#stream.headersSent) this.#stream.write(bytes, done);
  }

  protected writeLast(bytes: Uint8Array): void {
    if (!this.#stream.destroyed) this.#stream.end(bytes);
  }

  #canRespond(): boolean {
    return !(this.#stream.destroyed || this.#stream.closed || this.#stream.headersSent);
  }

  get trailers(): AnswerTrailers {
    return this.#trailers ?? {};
  }
}

function onStreamData(this: StreamWithExchange, chunk: Buffer): void {
  this[EXCHANGE]?.onData(chunk);
}

/** Node ends the body of a stream that was reset, too; but then it is closed. */
function onStreamEnd(this: StreamWithExchange): void {
  if (!this.closed) this[EXCHANGE]?.onEnd();
}

function onStreamClose(this: StreamWithExchange): void {
  this[EXCHANGE]?.onClosed();
}

function sendTrailers(this: StreamWithExchange): void {
  if (!this.destroyed) this.sendTrailers(this[EXCHANGE]?.trailers as AnswerTrailers);
}

function pseudoHeaderLength(raw: readonly string[]): number {
  let length = 0;
  while (raw[length]?.[0] === ":") length += 2;
  return length;
}
