import { Code, ConnectError } from "@connectrpc/connect";
import type { CodecCall, UnaryCodec } from "./codec.ts";
import { decompress } from "./compression.ts";
import { connectCodec, requireVersion, tooLarge } from "./connect.ts";

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Unary calls of methods without side effects by GET. Source: connectrpc.com/docs/protocol, "Unary-Get-Request". */
export const connectGetCodec: UnaryCodec = {
  ...connectCodec,

  begin(call) {
    const query = queryOf(call);
    call.acceptedCompressions = call.exchange.headers.get("accept-encoding");
    requireVersion(call, query.get("connect"), "connect=v1");
    call.requestCompression = call.entry.compressions.ofRequest(query.get("compression"), "accept-encoding");
  },

  // What comes as a body means nothing in a GET.
  maxBodyBytes: () => Number.POSITIVE_INFINITY,

  decode(call) {
    const query = queryOf(call);
    const bytes = messageBytes(query.get("message") ?? "", query.get("base64") === "1");
    const { readMaxBytes } = call.entry;
    if (bytes.length > readMaxBytes) throw tooLarge(bytes.length, readMaxBytes);
    if (call.requestCompression === undefined) return call.format.decode(bytes);
    const raw = decompress(call.requestCompression, bytes, readMaxBytes);
    return raw instanceof Uint8Array ? call.format.decode(raw) : raw.then((decoded) => call.format.decode(decoded));
  },
};

function queryOf({ exchange: { target } }: CodecCall): URLSearchParams {
  const at = target.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : target.slice(at));
}

function messageBytes(message: string, isBase64: boolean): Buffer {
  if (!isBase64) return Buffer.from(message, "utf8");
  if (!BASE64.test(message) || message.replace(/=+$/, "").length % 4 === 1) {
    throw new ConnectError("the parameter message is not valid base64", Code.InvalidArgument);
  }
  return Buffer.from(message, "base64");
}
