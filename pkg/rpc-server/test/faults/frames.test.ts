import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { encodeHeaders, type FrameClient, FrameFlag, FrameType, openFrames } from "../frame-client.ts";
import { openSession, openSocket, readToEnd, readUntil } from "../raw-http.ts";
import { startEchoServer } from "../start-echo-server.ts";
import { envelope } from "./requests.ts";

const PROTOCOL_ERROR = 1;
const PATH = "/echo.v1.EchoService/Echo";
const MESSAGE = Buffer.from('{"text":"hi"}');
const head = {
  ":method": "POST",
  ":scheme": "http",
  ":authority": "a",
  ":path": PATH,
  "content-type": "application/json",
};

function begin(client: FrameClient, streamId: number, headers: Record<string, string>): void {
  client.send({ type: FrameType.headers, flags: FrameFlag.endHeaders, streamId, payload: encodeHeaders(headers) });
}

function end(client: FrameClient, streamId: number, payload: Buffer): void {
  client.send({ type: FrameType.data, flags: FrameFlag.endStream, streamId, payload });
}

/** The next bytes of an answer's body; headers are packed, and not read here. */
async function bodyOn(client: FrameClient, streamId: number): Promise<string> {
  for (;;) {
    const frame = await client.next(FrameType.data);
    if (frame.streamId === streamId && frame.payload.length > 0) return frame.payload.toString();
  }
}

describe("a malformed HTTP/2 request is reset, and the streams beside it live on", () => {
  test.each([":method", ":scheme", ":path", ":authority"])("without %s", async (name) => {
    const { port, errors } = await startEchoServer();
    const client = await openFrames(port);
    begin(client, 1, head);
    begin(client, 3, Object.fromEntries(Object.entries(head).filter(([key]) => key !== name)));
    end(client, 3, MESSAGE);
    const reset = await client.next(FrameType.rstStream);
    expect([reset.streamId, reset.payload.readUInt32BE(0)]).toEqual([3, PROTOCOL_ERROR]);
    end(client, 1, MESSAGE);
    await expect(bodyOn(client, 1)).resolves.toBe('{"text":"hi"}');
    expect(errors).toEqual([]);
  });

  // Source: RFC 9113, 8.1.1 and 8.2.
  test.each<[string, Record<string, string>]>([
    ["with a pseudo-header nobody knows", { ":other": "1", ...head }],
    ["with a pseudo-header after the others", { "x-a": "1", ...head }],
    ["with a response's pseudo-header", { ":status": "200", ...head }],
    ["with a header in capitals", { ...head, "X-A": "1" }],
    ["with a connection header", { ...head, connection: "close" }],
    ["with a transfer-encoding", { ...head, "transfer-encoding": "chunked" }],
    ["with a te that is not trailers", { ...head, te: "gzip" }],
    ["with a content-length above its body", { ...head, "content-length": `${MESSAGE.length + 1}` }],
    ["with a content-length that is no number", { ...head, "content-length": "1x" }],
  ])("%s", async (_, headers) => {
    const { port, errors } = await startEchoServer();
    const client = await openFrames(port);
    begin(client, 1, head);
    begin(client, 3, headers);
    end(client, 3, MESSAGE);
    const reset = await client.next(FrameType.rstStream);
    expect([reset.streamId, reset.payload.readUInt32BE(0)]).toEqual([3, PROTOCOL_ERROR]);
    end(client, 1, MESSAGE);
    await expect(bodyOn(client, 1)).resolves.toBe('{"text":"hi"}');
    expect(errors).toEqual([]);
  });

  // RFC 9113, 8.1.1 allows for more than the stream's end; so does nghttp2 it, on plain node:http2 too.
  test("with a content-length below its body, which ends the connection", async () => {
    const { port, errors } = await startEchoServer();
    const client = await openFrames(port);
    begin(client, 1, { ...head, "content-length": `${MESSAGE.length - 1}` });
    end(client, 1, MESSAGE);
    await client.next(FrameType.goaway);
    await client.ended();
    expect(errors).toEqual([]);
  });
});

describe("an HTTP/2 request", () => {
  test("that expects 100-continue is told to go on, and served", async () => {
    const { port } = await startEchoServer();
    const session = await openSession(port);
    const stream = session.request({ ...head, expect: "100-continue" });
    await once(stream, "continue");
    stream.end(MESSAGE);
    await expect(text(stream)).resolves.toBe('{"text":"hi"}');
  });

  test("in many frames of a byte is one message", async () => {
    const { port } = await startEchoServer();
    const client = await openFrames(port);
    begin(client, 1, head);
    for (const byte of MESSAGE) client.send({ type: FrameType.data, streamId: 1, payload: Buffer.of(byte) });
    end(client, 1, Buffer.alloc(0));
    await expect(bodyOn(client, 1)).resolves.toBe('{"text":"hi"}');
  });

  test("prefixes that claim much, and bring little, take little memory", async () => {
    const { port, errors } = await startEchoServer();
    const client = await openFrames(port);
    const streams = Array.from({ length: 60 }, (_, i) => 2 * i + 1);
    const before = process.memoryUsage().arrayBuffers;
    for (const id of streams) {
      begin(client, id, { ...head, "content-type": "application/grpc" });
      client.send({ type: FrameType.data, streamId: id, payload: envelope(Buffer.alloc(10), 0, 4 * 1024 * 1024) });
    }
    const last = streams.length * 2 + 1;
    begin(client, last, head);
    end(client, last, MESSAGE);
    await expect(bodyOn(client, last)).resolves.toBe('{"text":"hi"}');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1024 * 1024);
    expect(errors).toEqual([]);
  });
});

describe("an HTTP/1.1 request", () => {
  const post = (length: number, more = "") =>
    `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${more}\r\n`;

  test("that expects 100-continue is told to go on, and served", async () => {
    const { port } = await startEchoServer();
    const socket = await openSocket(port);
    socket.write(post(MESSAGE.length, "Expect: 100-continue\r\n"));
    await expect(readUntil(socket, /\r\n\r\n/)).resolves.toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write(MESSAGE);
    await expect(readUntil(socket, /"hi"/)).resolves.toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test("that ends before its content-length is not taken for complete", async () => {
    let reached = 0;
    const { port, errors } = await startEchoServer({
      interceptors: [
        (next) => (request) => {
          reached++;
          return next(request);
        },
      ],
    });
    const socket = await openSocket(port);
    socket.write(post(MESSAGE.length + 1));
    socket.end(MESSAGE);
    expect(await readToEnd(socket)).not.toMatch(/HTTP\/1\.1 200/);
    const other = await openSocket(port);
    other.write(post(MESSAGE.length));
    other.write(MESSAGE);
    await expect(readUntil(other, /"hi"/)).resolves.toMatch(/^HTTP\/1\.1 200 OK/);
    expect(reached).toBe(1);
    expect(errors).toEqual([]);
  });

  test("whose body is longer than its content-length ends its connection with 400", async () => {
    const { port, errors } = await startEchoServer();
    const socket = await openSocket(port);
    socket.write(post(MESSAGE.length));
    socket.write(Buffer.concat([MESSAGE, Buffer.from("garbage\r\n\r\n")]));
    // Before or instead of the answer: node:http tells of what it cannot parse as soon as it comes.
    expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.1 400 /m);
    expect(errors).toEqual([]);
  });

  test.each(["HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/x", "HTCPCP/1.0"])(
    "of the version %s is refused",
    async (version) => {
      const { port, errors } = await startEchoServer();
      const socket = await openSocket(port);
      socket.write(`POST ${PATH} ${version}\r\nHost: a\r\nContent-Length: 0\r\n\r\n`);
      expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.1 (400|505) /);
      expect(errors).toEqual([]);
    },
  );

  test("of HTTP/1.0 is served, and its connection closed", async () => {
    const { port } = await startEchoServer();
    const socket = await openSocket(port);
    socket.write(post(MESSAGE.length).replace("HTTP/1.1", "HTTP/1.0"));
    socket.write(MESSAGE);
    expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.[01] 200 OK.*"hi"/s);
  });

  test("in single bytes is served", async () => {
    const { port } = await startEchoServer();
    const socket = await openSocket(port);
    for (const byte of Buffer.concat([Buffer.from(post(MESSAGE.length)), MESSAGE])) socket.write(Buffer.of(byte));
    await expect(readUntil(socket, /"hi"/)).resolves.toMatch(/^HTTP\/1\.1 200 OK/);
  });
});
