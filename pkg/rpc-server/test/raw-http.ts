import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from "node:http2";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

export interface SocketOptions {
  /** Keeps its side open when the server ends the other one. Default: false. */
  readonly allowHalfOpen?: boolean;
}

/** Opens a TCP connection; it is cut when the test ends. Its errors are ignored: being cut is what tests are about. */
export async function openSocket(port: number, options: SocketOptions = {}): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", ...options });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Sends bytes as they are, and resolves with all that came back when the server has closed the connection. */
export async function exchange(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = await openSocket(port);
  socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  return readToEnd(socket);
}

/** All that comes until the server closes the connection, also when it does so by a reset. */
export async function readToEnd(socket: Socket): Promise<string> {
  let received = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    received += chunk;
  });
  if (!socket.closed) await once(socket, "close");
  return received;
}

/** Resolves when what came matches; the socket goes on flowing. */
export async function readUntil(socket: Socket, pattern: RegExp): Promise<string> {
  let received = "";
  for (;;) {
    const [chunk] = await once(socket, "data");
    received += chunk.toString("latin1");
    if (pattern.test(received)) return received;
  }
}

/** Opens an HTTP/2 connection; it is cut when the test ends. */
export async function openSession(port: number): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  session.on("error", () => {});
  await once(session, "remoteSettings");
  return session;
}

export interface Http2Answer {
  /** 0 when the stream was reset before. */
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
  /** RST_STREAM's error code; 0 when the stream ended as it should. */
  readonly resetCode: number;
}

/** Sends a request with exactly these headers and an optional body on an HTTP/2 connection. */
export async function request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Uint8Array,
): Promise<Http2Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  let answer: Record<string, unknown> = {};
  stream.on("response", (received) => {
    answer = { ...received };
  });
  const closed = new Promise((resolve) => stream.once("close", resolve));
  const received = await text(stream).catch(() => "");
  await closed;
  return { status: Number(answer[":status"] ?? 0), headers: answer, body: received, resetCode: stream.rstCode };
}
