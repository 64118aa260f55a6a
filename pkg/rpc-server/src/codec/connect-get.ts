import { Code, ConnectError } from "@connectrpc/connect";
import type { CodecCall, UnaryCodec } from "./codec.ts";
import { connectCodec, requireVersion, tooLarge } from "./connect.ts";
import { decodeCompressed } from "./encoding/decode-compressed.ts";

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Unary calls of methods without side effects by GET. Source: connectrpc.com/docs/protocol, "Unary-Get-Request". */
export const connectGetCodec: UnaryCodec = {
  ...connectCodec,

  begin(call) {
    const query = queryOf(call);
    call.acceptedCompressions = call.exchange.headers.lookup("accept-encoding");
    requireVersion(call, query.get("connect"), "connect=v1");
    call.requestCompression = call.entry.compressions.ofRequest(query.get("compression"), "accept-encoding");
  },

  // What comes as a body means nothing in a GET.
  ignoresBody: true,

  decode(call) {
    const query = queryOf(call);
    const bytes = messageBytes(rawParameter(call, "message"), query.get("base64") === "1");
    const { readMaxBytes } = call.entry;
    if (bytes.length > readMaxBytes) throw tooLarge(bytes.length, readMaxBytes);
    if (call.requestCompression === undefined) return call.format.decode(bytes);
    return decodeCompressed(call, call.requestCompression, bytes);
  },
};

function queryOf({ exchange: { target } }: CodecCall): URLSearchParams {
  const at = target.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : target.slice(at));
}

/** As it was sent: URLSearchParams would replace what is not UTF-8. */
function rawParameter({ exchange: { target } }: CodecCall, name: string): string {
  const query = target.slice(target.indexOf("?") + 1);
  const parameter = query.split("&").find((part) => part === name || part.startsWith(`${name}=`));
  if (parameter === undefined) throw new ConnectError(`the parameter ${name} is missing`, Code.InvalidArgument);
  return parameter.slice(name.length + 1);
}

function messageBytes(message: string, isBase64: boolean): Buffer {
  const bytes = percentDecode(message);
  if (!isBase64) return bytes;
  const text = bytes.toString("latin1");
  if (!BASE64.test(text) || text.replace(/=+$/, "").length % 4 === 1) {
    throw new ConnectError("the parameter message is not valid base64", Code.InvalidArgument);
  }
  return Buffer.from(text, "base64");
}

/** Source: URL standard, application/x-www-form-urlencoded parsing, but for the decoding of UTF-8. */
function percentDecode(text: string): Buffer {
  const byHex = (_: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16));
  return Buffer.from(text.replaceAll("+", " ").replace(/%([0-9a-f]{2})/gi, byHex), "latin1");
}
