import type { Codec, Wire } from "./wires.ts";

/** A request as it goes out, or what a fault changes in a good one. */
export interface RawRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Names in lower case. An empty list leaves a header out; a list of several sends as many lines. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
  /** The body never ends. */
  readonly open?: boolean;
}

/** Asks for "hi", once. */
export function goodMessage({ path }: Wire, codec: Codec): Buffer {
  const isStream = path.endsWith("Stream");
  if (codec === "json") return Buffer.from(JSON.stringify({ text: "hi", ...(isStream && { count: 1 }) }));
  return Buffer.from(isStream ? "\x0a\x02hi\x10\x01" : "\x0a\x02hi", "latin1");
}

/** A message behind its prefix. Source: gRPC over HTTP/2, Length-Prefixed-Message. */
export function envelope(message: Uint8Array, flags = 0, claimed: number = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(claimed, 1);
  return Buffer.concat([prefix, message]);
}

/** A request that carries this message, good or not, as the wire carries messages. */
export function requestFor(wire: Wire, message: Uint8Array, codec: Codec): RawRequest {
  const { method, path } = wire;
  if (wire.framing === "query") {
    const query = `?connect=v1&encoding=${codec}&base64=1&message=${Buffer.from(message).toString("base64url")}`;
    return { method, path: path + query, headers: {}, body: Buffer.alloc(0) };
  }
  const headers = { "content-type": wire.contentType(codec), ...(wire.protocol === "grpc" && { te: "trailers" }) };
  const body = wire.framing === "envelope" ? envelope(message) : Buffer.from(message);
  return { method, path, headers, body };
}

/** A request that is answered with "hi". */
export function goodRequest(wire: Wire, codec: Codec = "proto"): RawRequest {
  return requestFor(wire, goodMessage(wire, codec), codec);
}
