import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { CallHeaders } from "../call/call-headers.ts";
import type { Connection } from "./connection.ts";

/**
 * Status and headers of an answer, flat: `[":status", "200", "content-type", "application/grpc"]`. Whoever sends it adds to
 * it: one for each answer.
 */
export type AnswerHead = string[];

/** Text is ASCII, so that its length is that of its bytes: it is written as it is, where bytes would have to be made of it. */
export type AnswerBody = Uint8Array | string;

/** Trailers of an answer by name; an array has several values. */
export type AnswerTrailers = Readonly<Record<string, string | string[]>>;

/** Node's own objects for a request and its answer. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** Who reads a request's body. */
export interface RequestSink {
  data(chunk: Buffer): void;
  /** The body is whole. */
  end(): void;
  /** The body takes longer than it may. */
  late(): void;
  /** The request was cut, or its client has gone, before the answer was complete. Comes at most once. */
  gone(): void;
}

/**
 * One request and its answer, whatever the version of HTTP. Nothing beyond the implementations knows node:http or
 * node:http2.
 */
export interface Exchange {
  readonly connection: Connection;
  readonly httpVersion: "1.0" | "1.1" | "2";
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly target: string;
  /** The one host that the request names, in `host` or `:authority`; undefined when it names none, or several. */
  readonly host: string | undefined;
  readonly namesHost: boolean;
  /** Without pseudo-headers. */
  readonly headers: CallHeaders;

  /** Added to every answer's headers. */
  commonHeaders: readonly string[];

  /** Has the sink hear when the client goes, before anything is read. */
  watch(sink: RequestSink): void;
  /** Begins to read the body. `timely`: it has to come within the limits of a unary call's body. */
  read(sink: RequestSink, timely: boolean): void;
  /** Throws away what still comes of the body; the sink hears no more. */
  discard(): void;
  /** For `Expect: 100-continue`. Source: RFC 9110, 10.1.1. */
  sayContinue(): void;
  pause(): void;
  resume(): void;

  /**
   * Writes a whole answer. Ignored when there is an answer already, or nobody to read it.
   * @throws ConnectError RESOURCE_EXHAUSTED when there is no room to hold the body; nothing was written then
   */
  respond(head: AnswerHead, body?: AnswerBody, trailers?: AnswerTrailers): void;

  /** Begins an answer that comes in parts. */
  begin(head: AnswerHead): void;
  /** Counts bytes of the answer, until they are written or the exchange is closed. @throws ConnectError RESOURCE_EXHAUSTED */
  hold(bytes: number): void;
  release(bytes: number): void;
  /** Writes bytes that were held; `done` is called when they are out, and not at all when the client has gone. */
  write(bytes: Uint8Array, done: () => void): void;
  end(trailers?: AnswerTrailers): void;

  /** Ends the request and its answer where they are. */
  cut(): void;

  /** Hands the request over to somebody who works with Node's objects; instead of all of the above. */
  toNode(): { request: NodeRequest; response: NodeResponse };
}
