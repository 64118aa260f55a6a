import { brotliCompressSync, gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { encodeFrame, encodeHeaders, FrameFlag, FrameType } from "../frame-client.ts";
import { EchoRequestSchema } from "../gen/echo/v1/echo_service_pb.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const PATH = "/echo.v1.EchoService/Echo";
const CONTINUATION = 9;

/** A valid unary request, before it is cut into frames, chunks or packets. */
export interface WireRequest {
  readonly contentType: string;
  readonly body: Buffer;
  /** The headers that its encoding needs. */
  readonly headers: Readonly<Record<string, string>>;
}

export type Encoding = "identity" | "gzip" | "br";
export type Protocol = "connect+json" | "connect+proto" | "grpc-web" | "grpc";

/** A request for the echo of `text`. */
export function wireRequest(protocol: Protocol, encoding: Encoding, text: string): WireRequest {
  const message = toBinary(EchoRequestSchema, create(EchoRequestSchema, { text }));
  if (protocol === "connect+json" || protocol === "connect+proto") {
    const json = protocol === "connect+json";
    return {
      contentType: json ? "application/json" : "application/proto",
      body: compress(encoding, json ? Buffer.from(JSON.stringify({ text })) : message),
      headers: encoding === "identity" ? {} : { "content-encoding": encoding },
    };
  }
  const compressed = compress(encoding, message);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(encoding === "identity" ? 0 : 1, 0);
  prefix.writeUInt32BE(compressed.length, 1);
  return {
    contentType: `application/${protocol}+proto`,
    body: Buffer.concat([prefix, compressed]),
    headers: {
      ...(encoding !== "identity" && { "grpc-encoding": encoding }),
      ...(protocol === "grpc" && { te: "trailers" }),
    },
  };
}

/** `bytes` cut at the given places, in fractions of its length. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const indexes = places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b);
  return [0, ...indexes].map((index, i) => bytes.subarray(index, indexes[i] ?? bytes.length));
}

/** HTTP/1.1: with a length when the body is one piece, else in chunks, none of which may be empty (RFC 9112, 7.1). */
export function http1Bytes({ contentType, headers, body }: WireRequest, places: readonly number[]): Buffer {
  const chunks = cut(body, places).filter((chunk) => chunk.length > 0);
  const length = chunks.length > 1 ? "transfer-encoding: chunked" : `content-length: ${body.length}`;
  const lines = Object.entries({ host: "a", connection: "close", "content-type": contentType, ...headers });
  const head = `POST ${PATH} HTTP/1.1\r\n${lines.map((line) => line.join(": ")).join("\r\n")}\r\n${length}\r\n\r\n`;
  if (chunks.length <= 1) return Buffer.concat([Buffer.from(head), body]);
  const framed = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([Buffer.from(head), ...framed, Buffer.from("0\r\n\r\n")]);
}

export interface FrameCuts {
  readonly headers: readonly number[];
  readonly body: readonly number[];
  /** Bytes of padding of each DATA frame; none: frames without the flag. Source: RFC 9113, 6.1. */
  readonly padding: number;
}

/** HTTP/2: the preface, SETTINGS, and the request as stream 1. */
export function http2Bytes({ contentType, headers, body }: WireRequest, cuts: FrameCuts): Buffer {
  const block = encodeHeaders({
    ":method": "POST",
    ":scheme": "http",
    ":path": PATH,
    ":authority": "a",
    "content-type": contentType,
    ...headers,
  });
  const blocks = cut(block, cuts.headers);
  const bodies = cut(body, cuts.body).flatMap(inFrames);
  return Buffer.concat([
    PREFACE,
    encodeFrame({ type: FrameType.settings }),
    ...blocks.map((payload, i) =>
      encodeFrame({
        type: i === 0 ? FrameType.headers : CONTINUATION,
        flags: i === blocks.length - 1 ? FrameFlag.endHeaders : 0,
        streamId: 1,
        payload,
      }),
    ),
    ...bodies.map((payload, i) => dataFrame(payload, cuts.padding, i === bodies.length - 1)),
  ]);
}

/** SETTINGS_MAX_FRAME_SIZE is 16,384 bytes, padding included (RFC 9113, 4.2). */
function inFrames(bytes: Buffer): Buffer[] {
  const size = 16_000;
  const count = Math.max(1, Math.ceil(bytes.length / size));
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

function dataFrame(data: Buffer, padding: number, last: boolean): Buffer {
  const PADDED = 8;
  const flags = (last ? FrameFlag.endStream : 0) | (padding > 0 ? PADDED : 0);
  const payload = padding > 0 ? Buffer.concat([Buffer.of(padding), data, Buffer.alloc(padding)]) : data;
  return encodeFrame({ type: FrameType.data, flags, streamId: 1, payload });
}

function compress(encoding: Encoding, bytes: Uint8Array): Buffer {
  if (encoding === "gzip") return gzipSync(bytes);
  return encoding === "br" ? brotliCompressSync(bytes) : Buffer.from(bytes);
}
