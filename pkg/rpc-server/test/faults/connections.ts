import { once } from "node:events";
import type { OutgoingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { openSession, openSocket } from "../raw-http.ts";
import { parseHeaderLines, type RawAnswer } from "./answers.ts";
import type { RawRequest } from "./requests.ts";

/** A connection that a fault is sent on, and that must outlive it. */
export interface Connection {
  send(request: RawRequest): Promise<RawAnswer>;
  /** HTTP/2: sends all but the end of the body. */
  begin(request: RawRequest): { finish(): Promise<RawAnswer> };
  /** Resolves when the server has closed the connection. */
  closed(): Promise<void>;
}

export function openConnection(port: number, httpVersion: "1.1" | "2"): Promise<Connection> {
  return httpVersion === "2" ? openHttp2(port) : openHttp1(port);
}

async function openHttp2(port: number): Promise<Connection> {
  const session = await openSession(port);

  function begin({ method, path, headers, body, open }: RawRequest) {
    const sent = Object.entries(headers).filter(([, value]) => typeof value === "string" || value.length > 0);
    const stream = session.request(
      // Only CONNECT has no path (RFC 9113, 8.5).
      { ":method": method, ...(path !== "" && { ":path": path }), ...Object.fromEntries(sent) } as OutgoingHttpHeaders,
      { endStream: body.length === 0 && !open },
    );
    const head = { status: 0, headers: new Headers(), trailers: new Headers() };
    const chunks: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("response", (_headers, _flags, raw: string[]) => {
      head.headers = withoutPseudoHeaders(raw);
      head.status = Number(raw[raw.indexOf(":status") + 1]);
    });
    stream.on("trailers", (_headers, _flags, raw: string[]) => {
      head.trailers = withoutPseudoHeaders(raw);
    });
    stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
    if (body.length > 0) stream.write(body);
    // Not events.once(), which rejects when the stream is reset.
    const closed = new Promise<void>((resolve) => stream.once("close", resolve));
    const ended = new Promise<void>((resolve) => stream.once("end", resolve).once("close", resolve));

    /** The answer's end is enough for an open request, which may well be reset after it (RFC 9113, 8.1). */
    async function answer(open: boolean): Promise<RawAnswer> {
      await ended;
      if (open && !stream.closed) stream.close();
      await closed;
      return { ...head, body: Buffer.concat(chunks), resetCode: open ? 0 : stream.rstCode };
    }
    return {
      answer,
      finish() {
        stream.end();
        return answer(false);
      },
    };
  }

  return {
    begin,
    send(request) {
      const exchange = begin(request);
      return request.open ? exchange.answer(true) : exchange.finish();
    },
    async closed() {
      if (!session.closed) await once(session, "close");
    },
  };
}

/** Requests one after the other, each answer read by its own length. */
async function openHttp1(port: number): Promise<Connection> {
  const socket = await openSocket(port);
  return {
    begin() {
      throw new Error("HTTP/1.1 has no streams");
    },
    async closed() {
      socket.resume();
      if (!socket.closed) await once(socket, "close");
    },
    send({ method, path, headers, body, open }) {
      const length = open ? ["transfer-encoding: chunked"] : [`content-length: ${body.length}`];
      const framed = open ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body]) : body;
      const lines = Object.entries(headers).flatMap(([name, value]) =>
        [value].flat().map((each) => `${name}: ${each}`),
      );
      const needsLength = headers["content-length"] === undefined && (body.length > 0 || method === "POST");
      const head = [`${method} ${path} HTTP/1.1`, ...(headers.host === undefined ? ["host: a"] : []), ...lines];
      socket.write(`${[...head, ...(needsLength ? length : [])].join("\r\n")}\r\n\r\n`, "latin1");
      socket.write(framed);
      return readHttp1Answer(socket, method);
    },
  };
}

/**
 * Reads one answer to its end, by its length, its chunks or the connection's end, and leaves the connection open.
 * Source: RFC 9112, 6.3.
 */
export async function readHttp1Answer(socket: Socket, method = "POST"): Promise<RawAnswer> {
  const bytes = byteReader(socket);
  const head = (await bytes.until("\r\n\r\n")).toString("latin1");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(`${statusLine} `)?.[1]);
  const headers = parseHeaderLines(lines.join("\r\n"));
  const answer = { status, headers, trailers: new Headers(), resetCode: 0 };
  if (method === "HEAD" || status === 204 || status < 200) return { ...answer, body: Buffer.alloc(0) };
  if (headers.get("transfer-encoding") === "chunked") {
    const chunks: Buffer[] = [];
    for (;;) {
      const size = Number.parseInt((await bytes.until("\r\n")).toString("latin1"), 16);
      if (size === 0) break;
      chunks.push(await bytes.take(size));
      await bytes.take(2);
    }
    let trailers = "";
    for (let line = await bytes.until("\r\n"); line.length > 0; line = await bytes.until("\r\n")) {
      trailers += `${line.toString("latin1")}\r\n`;
    }
    return { ...answer, trailers: parseHeaderLines(trailers), body: Buffer.concat(chunks) };
  }
  const length = headers.get("content-length");
  return { ...answer, body: length === null ? await bytes.rest() : await bytes.take(Number(length)) };
}

function byteReader(socket: Socket) {
  let buffered = Buffer.alloc(0);
  async function more(): Promise<void> {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) {
      buffered = Buffer.concat([buffered, chunk]);
      return;
    }
    if (socket.readableEnded || socket.destroyed) throw new Error("the connection ended within an answer");
    await new Promise<void>((resolve) => {
      socket.once("readable", resolve).once("end", resolve).once("close", resolve);
    });
  }
  async function take(length: number): Promise<Buffer> {
    while (buffered.length < length) await more();
    const taken = buffered.subarray(0, length);
    buffered = buffered.subarray(length);
    return taken;
  }
  return {
    take,
    /** Up to the mark, which is thrown away. */
    async until(mark: string): Promise<Buffer> {
      while (!buffered.includes(mark)) await more();
      const taken = await take(buffered.indexOf(mark));
      await take(mark.length);
      return taken;
    },
    async rest(): Promise<Buffer> {
      while (!socket.readableEnded) {
        await more().catch(() => {});
        if (socket.destroyed) break;
      }
      return take(buffered.length);
    },
  };
}

function withoutPseudoHeaders(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    if (!name.startsWith(":")) headers.append(name, raw[i + 1] ?? "");
  }
  return headers;
}
