import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { gunzipSync, gzipSync } from "node:zlib";
import { answerByPath } from "./users.ts";

/**
 * What one writes with nothing but node:http2 in an afternoon: closures for each call, a header object, no limits, no
 * errors. It decodes and encodes the messages, and (un)compresses them, since that is work which no server can leave out.
 */
export function createRawServer(): Http2Server {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const isGzip = headers["grpc-encoding"] === "gzip";
      const answer = answerTo(headers, Buffer.concat(chunks));
      stream.respond(
        { ":status": 200, "content-type": "application/grpc+proto", ...(isGzip && { "grpc-encoding": "gzip" }) },
        { waitForTrailers: true },
      );
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(answer);
    });
  });
  return server;
}

interface RawCall extends ServerHttp2Stream {
  benchHeaders: IncomingHttpHeaders;
  benchBody: Buffer | undefined;
}

const HEAD = [":status", "200", "content-type", "application/grpc+proto"];
const GZIP_HEAD = [...HEAD, "grpc-encoding", "gzip"];
const TRAILERS = { "grpc-status": "0" };
const WAIT = { waitForTrailers: true };

/** The same with what makes it faster: header arrays, and listeners that all streams share. */
export function createRawArraysServer(): Http2Server {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    const call = stream as RawCall;
    call.benchHeaders = headers;
    call.benchBody = undefined;
    stream.on("error", ignore);
    stream.on("data", onData);
    stream.on("end", onEnd);
    stream.on("wantTrailers", onWantTrailers);
  });
  return server;
}

function ignore(): void {}

function onData(this: RawCall, chunk: Buffer): void {
  this.benchBody = this.benchBody ? Buffer.concat([this.benchBody, chunk]) : chunk;
}

function onEnd(this: RawCall): void {
  const answer = answerTo(this.benchHeaders, this.benchBody ?? Buffer.alloc(0));
  this.respond(this.benchHeaders["grpc-encoding"] === "gzip" ? GZIP_HEAD : HEAD, WAIT);
  this.end(answer);
}

function onWantTrailers(this: RawCall): void {
  this.sendTrailers(TRAILERS);
}

function answerTo(headers: IncomingHttpHeaders, body: Buffer): Buffer {
  const answer = answerByPath.get(headers[":path"] ?? "");
  if (!answer) throw new Error(`nothing at ${headers[":path"]}`);
  const isGzip = headers["grpc-encoding"] === "gzip";
  const message = body.subarray(5);
  return isGzip ? envelope(gzipSync(answer(gunzipSync(message))), 1) : envelope(answer(message), 0);
}

/** Source: gRPC over HTTP2, Length-Prefixed-Message. */
function envelope(message: Uint8Array, flags: number): Buffer {
  const bytes = Buffer.allocUnsafe(5 + message.length);
  bytes[0] = flags;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}
