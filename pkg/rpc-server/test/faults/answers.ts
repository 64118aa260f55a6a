import { Code } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import type { Wire } from "./wires.ts";

/** An answer as it came in; names of headers in lower case. */
export interface RawAnswer {
  /** The HTTP status; 0 when the stream was reset before. */
  readonly status: number;
  readonly headers: Headers;
  readonly trailers: Headers;
  readonly body: Buffer;
  /** HTTP/2: RST_STREAM's code. 0: the stream ended as it should. */
  readonly resetCode: number;
}

/** What an answer says in the terms of its protocol. */
export interface Outcome {
  readonly httpStatus: number;
  /** Undefined: OK. "none": an HTTP answer that is none of the protocol's. */
  readonly code: Code | "none" | undefined;
  readonly message: string;
  /** The answer's messages. */
  readonly messages: Buffer[];
  /** Headers and trailers. */
  readonly metadata: Headers;
}

const END_STREAM_FLAG = 0x02;
const TRAILER_FLAG = 0x80;

/** Reads an answer, and throws when it breaks its protocol: two statuses, a status after none, a body cut short. */
export function readOutcome(wire: Wire, answer: RawAnswer): Outcome {
  const base = { httpStatus: answer.status, messages: [], metadata: merge(answer.headers, answer.trailers) };
  const contentType = answer.headers.get("content-type") ?? "";
  if (wire.protocol !== "connect") {
    if (answer.status !== 200) return { ...base, code: "none", message: answer.body.toString() };
    return readGrpc(wire, answer);
  }
  if (wire.framing === "envelope" && contentType.startsWith("application/connect+")) return readStream(answer);
  if (answer.status === 200) return { ...base, code: undefined, message: "", messages: [answer.body] };
  if (contentType !== "application/json") return { ...base, code: "none", message: answer.body.toString() };
  const error = JSON.parse(answer.body.toString()) as { code: string; message?: string };
  return { ...base, code: codeOf(error.code), message: error.message ?? "" };
}

/** Source: gRPC over HTTP/2, Responses; gRPC-Web, "Protocol differences vs gRPC over HTTP2". */
function readGrpc(wire: Wire, { status, headers, trailers, body }: RawAnswer): Outcome {
  const envelopes = splitEnvelopes(body);
  const inBody = envelopes.filter(({ flags }) => flags & TRAILER_FLAG);
  if (wire.protocol === "grpc" && inBody.length > 0) throw new Error("gRPC has no trailers in its body");
  const trailersInBody = parseHeaderLines(Buffer.concat(inBody.map(({ data }) => data)).toString("latin1"));
  const statuses = [headers, trailers, trailersInBody].filter((each) => each.has("grpc-status"));
  const [carrier] = statuses;
  if (carrier === undefined) throw new Error("an answer without grpc-status");
  if (statuses.length > 1) throw new Error("grpc-status in more than one place");
  const code = carrier.get("grpc-status") ?? "";
  if (!/^\d+$/.test(code)) throw new Error(`grpc-status ${code}`);
  return {
    httpStatus: status,
    code: code === "0" ? undefined : Number(code),
    message: decodeURIComponent(carrier.get("grpc-message") ?? ""),
    messages: envelopes.filter(({ flags }) => !(flags & TRAILER_FLAG)).map(({ data }) => data),
    metadata: merge(headers, trailers, trailersInBody),
  };
}

/** Source: Connect protocol, Streaming-Response. */
function readStream({ status, headers, body }: RawAnswer): Outcome {
  const envelopes = splitEnvelopes(body);
  const end = envelopes.at(-1);
  if (end === undefined || !(end.flags & END_STREAM_FLAG)) throw new Error("a stream without its end");
  const { error, metadata } = JSON.parse(end.data.toString()) as {
    error?: { code: string; message?: string };
    metadata?: Record<string, string[]>;
  };
  const trailers = Object.entries(metadata ?? {}).flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value]),
  );
  return {
    httpStatus: status,
    code: error && codeOf(error.code),
    message: error?.message ?? "",
    messages: envelopes.slice(0, -1).map(({ data }) => data),
    metadata: merge(headers, new Headers(trailers)),
  };
}

function codeOf(name: string): Code {
  const code = codeFromString(name as Parameters<typeof codeFromString>[0]);
  if (code === undefined) throw new Error(`no code: ${name}`);
  return code;
}

function splitEnvelopes(body: Buffer): { flags: number; data: Buffer }[] {
  const envelopes: { flags: number; data: Buffer }[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    if (end > body.length) throw new Error("an envelope that is cut short");
    envelopes.push({ flags: body.readUInt8(at), data: body.subarray(at + 5, end) });
    at = end;
  }
  return envelopes;
}

export function parseHeaderLines(lines: string): Headers {
  const headers = new Headers();
  for (const line of lines.split("\r\n").filter((text) => text !== "")) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return headers;
}

function merge(...parts: Headers[]): Headers {
  return new Headers(parts.flatMap((part) => [...part]));
}

/** Source: Connect protocol, Error codes. */
export function connectHttpStatus(code: Code): number {
  const statuses: Readonly<Record<Code, number>> = {
    [Code.Canceled]: 499,
    [Code.Unknown]: 500,
    [Code.InvalidArgument]: 400,
    [Code.DeadlineExceeded]: 504,
    [Code.NotFound]: 404,
    [Code.AlreadyExists]: 409,
    [Code.PermissionDenied]: 403,
    [Code.ResourceExhausted]: 429,
    [Code.FailedPrecondition]: 400,
    [Code.Aborted]: 409,
    [Code.OutOfRange]: 400,
    [Code.Unimplemented]: 501,
    [Code.Internal]: 500,
    [Code.Unavailable]: 503,
    [Code.DataLoss]: 500,
    [Code.Unauthenticated]: 401,
  };
  return statuses[code];
}
