import { encodeHeaders } from "../frame-client.ts";

/** The newest entry of the dynamic table, as a whole header in one byte. Source: RFC 7541, 6.1 and 2.3.3. */
export const NEWEST_ENTRY = Buffer.of(0x80 | 62);

/** The header block of a gRPC call of that method of the echo service. */
export function callBlock(method: string, contentType = "application/grpc"): Buffer {
  return encodeHeaders({
    ":method": "POST",
    ":scheme": "http",
    ":path": `/echo.v1.EchoService/${method}`,
    ":authority": "a",
    "content-type": contentType,
    te: "trailers",
  });
}

/** A header of any length, kept out of the dynamic table. Source: RFC 7541, 6.2.2. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x00), encodeString(name), encodeString(value)]);
}

/** A header that becomes the dynamic table's newest entry. Source: RFC 7541, 6.2.1. */
export function addedLiteral(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), encodeString(name), encodeString(value)]);
}

/** Without Huffman code. Source: RFC 7541, 5.1 and 5.2. */
function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 0x80);
  return Buffer.concat([Buffer.of(...length, rest), bytes]);
}
