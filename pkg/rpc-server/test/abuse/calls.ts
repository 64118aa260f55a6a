import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";

/** How an HTTP/2 request ended. */
export interface Outcome {
  /** 0 when no answer came. */
  readonly httpStatus: number;
  /** gRPC's code, or undefined when the answer names none. Source: gRPC over HTTP/2, Responses. */
  readonly grpcStatus: number | undefined;
  /** google.rpc.Status, serialised, with the error's details; empty when there are none. */
  readonly details: Buffer;
  /** RST_STREAM's code; 0 when the stream ended as it should. */
  readonly resetCode: number;
}

/** A call whose body is still open; `outcome` resolves as soon as the server has done with it. */
export interface OpenCall {
  readonly stream: ClientHttp2Stream;
  readonly outcome: Promise<Outcome>;
}

/** Begins a gRPC call of that method of the echo service. What comes is thrown away, unless the stream is paused. */
export function beginCall(session: ClientHttp2Session, method: string, headers: Record<string, string> = {}): OpenCall {
  const stream = session.request(
    {
      ":method": "POST",
      ":path": `/echo.v1.EchoService/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    },
    { endStream: false },
  );
  let received: IncomingHttpHeaders = {};
  const add = (more: IncomingHttpHeaders) => {
    received = { ...received, ...more };
  };
  stream
    .on("error", () => {})
    .on("response", add)
    .on("trailers", add)
    .resume();
  const outcome = new Promise<Outcome>((resolve) => {
    const done = () => resolve(outcomeOf(received, stream.rstCode));
    // A server that refuses a body which has not ended answers, and may leave the client's side open.
    stream.once("end", () => setImmediate(done)).once("close", done);
  });
  return { stream, outcome };
}

/** A whole call. */
export function call(session: ClientHttp2Session, method: string, body: Uint8Array, headers?: Record<string, string>) {
  const { stream, outcome } = beginCall(session, method, headers);
  stream.end(body);
  return outcome;
}

function outcomeOf(headers: IncomingHttpHeaders, resetCode: number): Outcome {
  const status = headers["grpc-status"];
  return {
    httpStatus: Number(headers[":status"] ?? 0),
    grpcStatus: status === undefined ? undefined : Number(status),
    details: Buffer.from(String(headers["grpc-status-details-bin"] ?? ""), "base64"),
    resetCode,
  };
}

/** A message behind gRPC's prefix: flags, and a length that may lie. Source: gRPC over HTTP/2, Length-Prefixed-Message. */
export function envelope(message: Uint8Array, flags = 0, claimedBytes = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(claimedBytes, 1);
  return Buffer.concat([prefix, message]);
}
