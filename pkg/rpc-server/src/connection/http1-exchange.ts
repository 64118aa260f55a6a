import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { CallHeaders } from "../call/call-headers.ts";
import { endWithOthers } from "./answer-batch.ts";
import { BaseExchange, SLICE_BYTES } from "./base-exchange.ts";
import type { Connection } from "./connection.ts";
import type { AnswerBody, AnswerHead, NodeRequest, NodeResponse } from "./exchange.ts";

/** Where a request and its response keep their exchange: shared listeners cost nothing per call. */
const EXCHANGE = Symbol("exchange");

type WithExchange = { [EXCHANGE]?: Http1Exchange };

/** A request of an HTTP/1.1 connection. */
export class Http1Exchange extends BaseExchange {
  readonly httpVersion: "1.0" | "1.1";
  readonly method: string;
  readonly target: string;
  readonly host: string | undefined;
  readonly namesHost: boolean;
  readonly headers: CallHeaders;
  /** The request lets go of it when a fallback destroys it. */
  readonly #socket: Socket;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #announcesBody: boolean;
  #isLeaving = false;

  constructor(connection: Connection, request: IncomingMessage, response: ServerResponse) {
    super(connection);
    this.#socket = request.socket;
    this.#request = request;
    this.#response = response;
    this.httpVersion = request.httpVersion === "1.0" ? "1.0" : "1.1";
    this.method = request.method ?? "";
    this.target = request.url ?? "";
    const list = request.rawHeaders.slice();
    let hosts = 0;
    let host: string | undefined;
    let announcesBody = false;
    for (let i = 0; i < list.length; i += 2) {
      const name = (list[i] as string).toLowerCase();
      list[i] = name;
      if (name === "host") {
        hosts++;
        host = list[i + 1];
      } else if (name === "content-length" || name === "transfer-encoding") announcesBody = true;
    }
    this.#announcesBody = announcesBody;
    this.headers = new CallHeaders(list);
    this.namesHost = hosts > 0;
    // Not from Node's own headers, which have the first one only, and are built when they are first looked at.
    this.host = hosts === 1 ? host : undefined;
    (request as WithExchange)[EXCHANGE] = this;
    (response as WithExchange)[EXCHANGE] = this;
    response.on("close", onResponseClose);
    response.on("error", ignoreError);
  }

  /** Whether the answer's headers are out. */
  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  pause(): void {
    this.#request.pause();
  }

  resume(): void {
    this.#request.resume();
  }

  respond(head: AnswerHead, body: AnswerBody = EMPTY): void {
    const response = this.#response;
    if (!this.#canRespond()) return;
    this.hold(body.length);
    if (this.wasLate) this.#sayClose();
    // Source: RFC 9110, 8.6: none for 204, and for 304 not that of an empty body.
    if (head[1] !== "204" && head[1] !== "304" && !head.includes("content-length"))
      head.push("content-length", String(body.length));
    this.#writeHead(head);
    // A HEAD is answered as a GET, without the body; Node leaves it out.
    // As a string it leaves in one write with the headers; Latin-1 keeps every byte.
    if (body.length <= ONE_WRITE_BYTES) endWithOthers(response, latin1(body));
    else if (body.length <= SLICE_BYTES) response.end(body, "latin1");
    else this.sendSlices(body);
    this.finish();
  }

  begin(head: AnswerHead): void {
    if (!this.#canRespond()) return;
    this.#writeHead(head);
  }

  end(): void {
    if (this.#response.destroyed || !this.#response.headersSent) return;
    this.#response.end();
    this.finish();
  }

  cut(): void {
    this.#socket.destroy();
  }

  toNode(): { request: NodeRequest; response: NodeResponse } {
    for (let i = 0; i < this.commonHeaders.length; i += 2) {
      this.#response.appendHeader(this.commonHeaders[i] as string, this.commonHeaders[i + 1] as string);
    }
    if (this.#isLeaving && this.#mayBeLast) this.#sayClose();
    // Without a listener nothing is emitted; a fallback that has one for a while must not be what ends the process.
    this.#request.on("error", ignoreError);
    return { request: this.#request, response: this.#response };
  }

  /** Node has said it by itself. */
  sayContinue(): void {}

  /** Asks the client to leave, with this answer if it may be the connection's last. */
  leave(): void {
    this.#isLeaving = true;
  }

  /** Ends the connection with this answer. Source: RFC 9112, 9.6. When the headers are out already, the engine ends it. */
  #sayClose(): void {
    this.#response.setHeader("connection", "close");
    this.connection.isClosing = true;
  }

  /** Not when more follows: a pipelined request, or a body, whose bytes the kernel would answer by a reset that takes the answer. */
  get #mayBeLast(): boolean {
    return this.connection.exchanges.first === this && (this.hasEnded || !this.#announcesBody);
  }

  /**
   * A request that announces no body has none (RFC 9112, 6.3), and its end needs no waiting for: node:http would say it
   * some turns of its queue later.
   */
  protected startReading(): void {
    if (!this.#announcesBody) this.onEnd();
    else this.#request.on("data", onRequestData).on("end", onRequestEnd);
  }

  protected writePart(bytes: Uint8Array, done: () => void): void {
    if (!this.#response.destroyed && this.#response.headersSent) this.#response.write(bytes, done);
  }

  protected writeLast(bytes: Uint8Array): void {
    if (!this.#response.destroyed) this.#response.end(bytes);
  }

  #canRespond(): boolean {
    return !(this.#response.destroyed || this.#response.headersSent);
  }

  #writeHead(head: AnswerHead): void {
    const status = Number(head[1]);
    const headers = head.slice(2);
    if (this.commonHeaders.length > 0) headers.push(...this.commonHeaders);
    if (this.#isLeaving && this.#mayBeLast) this.#sayClose();
    // What was set before (connection: close) is merged by name.
    this.#response.writeHead(status, headers);
  }
}

const EMPTY = new Uint8Array(0);
const ONE_WRITE_BYTES = 8 * 1024;

function latin1(body: AnswerBody): string {
  if (typeof body === "string") return body;
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
}

function onRequestData(this: IncomingMessage & WithExchange, chunk: Buffer): void {
  this[EXCHANGE]?.onData(chunk);
}

function onRequestEnd(this: IncomingMessage & WithExchange): void {
  this[EXCHANGE]?.onEnd();
}

/** Not the request's 'close', which comes after its body. */
function onResponseClose(this: ServerResponse & WithExchange): void {
  this[EXCHANGE]?.onClosed();
}

/** The 'close' that follows says all there is to know; but an error that nobody listens to ends the process. */
function ignoreError(): void {}
