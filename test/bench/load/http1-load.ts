import { connect } from "node:net";
import type { Call } from "./calls.ts";
import type { LoadConnection } from "./load-connection.ts";

/**
 * A kept-alive connection that makes the same call over and over, one at a time. Every answer is checked: status, headers,
 * length, body. Source: RFC 9112.
 */
export async function openHttp1(port: number, call: Call, onFault: (error: Error) => void): Promise<LoadConnection> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  const request = prebuild(port, call);
  const idle = Promise.withResolvers<number>();
  idle.promise.catch(() => {});
  let isFinishing = false;
  let isInFlight = false;
  let calls = 0;
  let bytes: Buffer = Buffer.alloc(0);
  let rightHead: string | undefined;
  let rightBody: Buffer | undefined;

  function fail(error: Error): void {
    socket.destroy();
    idle.reject(error);
    onFault(error);
  }
  socket.on("error", fail);
  socket.on("close", () => isInFlight && fail(new Error("the server closed the connection")));
  socket.on("data", (chunk: Buffer) => {
    try {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const answer = parseAnswer(bytes);
      if (!answer) return;
      if (!isInFlight || answer.end !== bytes.length) throw new Error("more than the answer");
      checkHead(answer.head);
      checkBody(answer.body);
      bytes = Buffer.alloc(0);
      calls += 1;
      isInFlight = false;
      if (isFinishing) idle.resolve(calls);
      else start();
    } catch (error) {
      fail(error as Error);
    }
  });

  function start(): void {
    isInFlight = true;
    socket.write(request);
  }

  function checkHead(head: string): void {
    if (head === rightHead) return;
    call.checkHeaders(parseHead(head));
    rightHead = head;
  }

  function checkBody(body: Buffer): void {
    if (rightBody?.equals(body)) return;
    if (rightBody) throw new Error(`an answer differs from the first: ${JSON.stringify(body.toString("latin1"))}`);
    call.checkBody(body);
    rightBody = Buffer.from(body);
  }

  await new Promise<void>((resolve) => socket.once("connect", resolve));
  return {
    start,
    finish() {
      isFinishing = true;
      if (!isInFlight) idle.resolve(calls);
      return idle.promise;
    },
    close() {
      socket.removeAllListeners("close");
      socket.destroy();
    },
  };
}

interface Http1Answer {
  /** Status line and headers, up to the empty line. */
  readonly head: string;
  readonly body: Buffer;
  /** Where the answer ends. */
  readonly end: number;
}

/** The answer at the beginning of `bytes`; undefined while it is not all there. */
function parseAnswer(bytes: Buffer): Http1Answer | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd);
  const start = headEnd + 4;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) {
    const body = parseChunks(bytes, start);
    return body && { head, ...body };
  }
  const end = start + Number(length);
  return end > bytes.length ? undefined : { head, body: bytes.subarray(start, end), end };
}

/** Source: RFC 9112, 7.1. */
function parseChunks(bytes: Buffer, start: number): { body: Buffer; end: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const length = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const end = lineEnd + 2 + length + 2;
    if (Number.isNaN(length)) throw new Error("neither a length nor chunks");
    if (end > bytes.length) return undefined;
    if (length === 0) return { body: Buffer.concat(chunks), end };
    chunks.push(bytes.subarray(lineEnd + 2, end - 2));
    at = end;
  }
}

function parseHead(head: string): Map<string, string> {
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Map([[":status", /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? statusLine]]);
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}

function prebuild(port: number, { method, path, headers, body }: Call): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    // Source: RFC 9110, 8.6: a GET without a body says no length.
    ...(method === "GET" ? [] : [`content-length: ${body.length}`]),
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]);
}
