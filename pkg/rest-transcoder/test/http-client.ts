import { once } from "node:events";
import { request as requestHttp1 } from "node:http";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

export const wires = ["HTTP/1.1", "h2c"] as const;
export type Wire = (typeof wires)[number];

export interface HttpRequest {
  readonly method: string;
  /** Path and query, sent as they are. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Without its content coding. */
  readonly body: Buffer;
  /** How long the body is with its content coding. */
  readonly rawBytes: number;
}

/** Sends a request on a connection of its own. Rejects when there is no answer. */
export function send(port: number, request: HttpRequest, wire: Wire = "HTTP/1.1"): Promise<HttpAnswer> {
  return wire === "h2c" ? sendHttp2(port, request) : sendHttp1(port, request);
}

async function sendHttp1(port: number, { method, target, headers = {}, body }: HttpRequest): Promise<HttpAnswer> {
  const hasLength = body !== undefined && !("transfer-encoding" in headers);
  const length = hasLength ? { "content-length": String(body.length) } : {};
  const options = { host: "127.0.0.1", port, method, path: target, headers: { ...length, ...headers }, agent: false };
  const sent = requestHttp1(options);
  sent.end(body);
  const [answer] = await once(sent, "response");
  return answerOf(answer.statusCode, answer.headers, await buffer(answer));
}

async function sendHttp2(port: number, { method, target, headers = {}, body }: HttpRequest): Promise<HttpAnswer> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  try {
    const pseudo = { ":method": method, ":path": target };
    const stream = session.request({ ...pseudo, ...headers }, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    const [answered] = await once(stream, "response");
    return answerOf(Number(answered[":status"]), answered, await buffer(stream));
  } finally {
    session.destroy();
  }
}

function answerOf(status: number, headers: IncomingHttpHeaders, raw: Buffer): HttpAnswer {
  return { status, headers, body: expand(headers, raw), rawBytes: raw.length };
}

function expand({ "content-encoding": encoding }: IncomingHttpHeaders, body: Buffer): Buffer {
  if (body.length === 0 || encoding === undefined) return body;
  return encoding === "br" ? brotliDecompressSync(body) : gunzipSync(body);
}
