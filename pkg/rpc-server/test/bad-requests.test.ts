import { describe, expect, test } from "vitest";
import { encodeHeaders, FrameFlag, FrameType, openFrames } from "./frame-client.ts";
import { exchange, openSession, openSocket, readUntil, request } from "./raw-http.ts";
import { startEchoServer } from "./start-echo-server.ts";

/** A Connect GET that a good host makes succeed. */
const PATH = "/echo.v1.EchoService/Echo?encoding=json&message=%7B%22text%22%3A%22hi%22%7D";
const PROTOCOL_ERROR = 1;
const ENHANCE_YOUR_CALM = 11;

const goodAuthorities = ["a", "127.0.0.1:80", "[::1]:65535", "ok_host.x:80", "xn--bcher-kva.example", "host:", "A"];

/** HTTP/2: what nghttp2 itself takes for malformed resets the stream (RFC 9113, 8.1.1); the rest gets 400. */
const badAuthorities = [
  { authority: "", http2: "reset" },
  { authority: "a@b", http2: "reset" },
  { authority: "a b", http2: "reset" },
  { authority: "a/b", http2: "reset" },
  { authority: "a?b", http2: "reset" },
  { authority: "a#b", http2: "reset" },
  { authority: "a\\b", http2: "reset" },
  { authority: "http://a", http2: "reset" },
  { authority: "a\x01", http2: "reset" },
  { authority: "a\tb", http2: "reset" },
  { authority: "a\x7fb", http2: "reset" },
  { authority: "\xe9", http2: "reset" },
  { authority: "a:99999", http2: "400" },
  { authority: "a:x", http2: "400" },
  { authority: "a:1:2", http2: "400" },
  { authority: "[::1", http2: "400" },
  { authority: "[fe80::1%25eth0]", http2: "400" },
  { authority: "1.2.3.256", http2: "400" },
  { authority: "%zz", http2: "400" },
];

describe("over HTTP/1.1", () => {
  test.each(goodAuthorities)("the Host %j is served", async (host) => {
    const { port } = await startEchoServer();
    const answer = await exchange(port, `GET ${PATH} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n.*"hi"/s);
  });

  test.each(badAuthorities)("the Host $authority gets 400", async ({ authority }) => {
    const { port, errors } = await startEchoServer();
    const answer = await exchange(port, `GET ${PATH} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(errors).toEqual([]);
  });

  test.each([
    ["two Host headers", `GET ${PATH} HTTP/1.1\r\nHost: a\r\nHost: a`, 400],
    ["no Host header", `GET ${PATH} HTTP/1.1`, 400],
    ["no Host header in HTTP/1.0", `GET ${PATH} HTTP/1.0`, 400],
    ["CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80", 400],
    ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a", 400],
    ["a target in absolute form", `GET http://a${PATH} HTTP/1.1\r\nHost: a`, 400],
    ["a target with a fragment", "GET /a#b HTTP/1.1\r\nHost: a", 400],
    ["a control character in the target", "GET /\x01 HTTP/1.1\r\nHost: a", 400],
    ["a byte above ASCII in the target", "GET /\xe9 HTTP/1.1\r\nHost: a", 400],
    ["a target that looks like a host", "GET //evil/x HTTP/1.1\r\nHost: a", 404],
    [
      "gRPC, which needs HTTP/2,",
      "POST /echo.v1.EchoService/Echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0",
      505,
    ],
    ["a preface that is almost HTTP/2's", "PRI * HTTP/2.0\r\n\r\nXM", 400],
    ["a length and chunks", `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked`, 400],
    ["headers above maxHeaderBytes", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}`, 431],
    ["an unknown expectation", `GET ${PATH} HTTP/1.1\r\nHost: a\r\nExpect: tea`, 417],
    ["an unknown path", "GET /nobody HTTP/1.1\r\nHost: a", 404],
    [
      "bidirectional streaming",
      "POST /echo.v1.EchoService/EchoBidiStream HTTP/1.1\r\nHost: a\r\nContent-Type: application/connect+json",
      505,
    ],
    ["a method the RPC does not take", "PUT /echo.v1.EchoService/Echo HTTP/1.1\r\nHost: a", 405],
    ["an unknown content type", "POST /echo.v1.EchoService/Echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/html", 415],
  ])("%s gets its status", async (_, head, status) => {
    const { port, errors } = await startEchoServer();
    const answer = await exchange(port, `${head}\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(errors).toEqual([]);
  });

  test.each([
    ["no HTTP at all", "hello"],
    ["a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ])("%s gets no answer, and its connection is closed", async (_, bytes) => {
    const { port, errors } = await startEchoServer();
    await expect(exchange(port, `${bytes}\r\n\r\n`)).resolves.toBe("");
    expect(errors).toEqual([]);
  });

  test("a 400 says what is wrong, and the connection can be used again", async () => {
    const { port } = await startEchoServer();
    const socket = await openSocket(port);
    socket.write(`GET ${PATH} HTTP/1.1\r\nHost: a@b\r\n\r\n`);
    await expect(readUntil(socket, /\n$/)).resolves.toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\ncontent-type: text\/plain; charset=utf-8\r\n.*\r\n\r\nthe request's host is not valid\n$/s,
    );
    socket.write(`GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await expect(readUntil(socket, /"hi"/)).resolves.toMatch(/^HTTP\/1\.1 200 OK/);
  });
});

describe("over HTTP/2", () => {
  test.each(goodAuthorities)("the :authority %j is served", async (authority) => {
    const { port } = await startEchoServer();
    const session = await openSession(port);
    await expect(request(session, { ":path": PATH, ":authority": authority })).resolves.toMatchObject({ status: 200 });
  });

  test.each(badAuthorities)("the :authority $authority gets $http2, and other streams live on", async (row) => {
    const { port, errors } = await startEchoServer();
    const session = await openSession(port);
    const other = request(
      session,
      { ":method": "POST", ":path": "/echo.v1.EchoService/Echo", "content-type": "application/json" },
      Buffer.from(JSON.stringify({ text: "other", behaviour: { delayMs: 50 } })),
    );
    const answer = await request(session, { ":path": PATH, ":authority": row.authority });
    expect(answer).toMatchObject(row.http2 === "400" ? { status: 400 } : { status: 0, resetCode: PROTOCOL_ERROR });
    await expect(other).resolves.toMatchObject({ status: 200, body: '{"text":"other"}' });
    expect(errors).toEqual([]);
  });

  test.each([
    ["CONNECT", { ":method": "CONNECT", ":authority": "a:80" }, { status: 400 }],
    ["OPTIONS *", { ":method": "OPTIONS", ":path": "*" }, { status: 400 }],
    ["a path in absolute form", { ":path": "http://a/" }, { status: 0, resetCode: PROTOCOL_ERROR }],
    ["a path with a fragment", { ":path": "/a#b" }, { status: 400 }],
    ["a control character in the path", { ":path": "/\x01" }, { status: 0, resetCode: PROTOCOL_ERROR }],
    ["a Host that differs from :authority", { ":path": PATH, ":authority": "a", host: "b" }, { status: 400 }],
    ["a Host that equals :authority", { ":path": PATH, ":authority": "a", host: "A" }, { status: 200 }],
    ["a Host alone", { ":path": PATH, host: "a" }, { status: 200 }],
    ["an unknown path", { ":path": "/nobody" }, { status: 404 }],
    ["an unknown expectation", { ":path": PATH, expect: "tea" }, { status: 417 }],
  ])("%s gets its status", async (_, headers, expected) => {
    const { port, errors } = await startEchoServer();
    const session = await openSession(port);
    await expect(request(session, headers)).resolves.toMatchObject(expected);
    await expect(request(session, { ":path": PATH })).resolves.toMatchObject({ status: 200 });
    expect(errors).toEqual([]);
  });

  test("no :authority and no Host resets the stream", async () => {
    const { port } = await startEchoServer();
    const client = await openFrames(port);
    const payload = encodeHeaders({ ":method": "GET", ":scheme": "http", ":path": PATH });
    client.send({ type: FrameType.headers, flags: FrameFlag.endHeaders | FrameFlag.endStream, streamId: 1, payload });
    const reset = await client.next(FrameType.rstStream);
    expect(reset).toMatchObject({ streamId: 1 });
    expect(reset.payload.readUInt32BE(0)).toBe(PROTOCOL_ERROR);
  });

  test("headers above maxHeaderBytes end the stream only", async () => {
    const { port } = await startEchoServer({ maxHeaderBytes: 2_000 });
    const session = await openSession(port);
    expect(session.remoteSettings.maxHeaderListSize).toBe(2_000);
    const answer = await request(session, { ":path": PATH, x: "x".repeat(4_000) });
    expect(answer).toMatchObject({ status: 0, resetCode: ENHANCE_YOUR_CALM });
    await expect(request(session, { ":path": PATH })).resolves.toMatchObject({ status: 200 });
  });

  test("no more streams at once than maxConcurrentStreams are announced", async () => {
    const { port } = await startEchoServer({ maxConcurrentStreams: 7 });
    expect((await openSession(port)).remoteSettings.maxConcurrentStreams).toBe(7);
    const { port: byDefault } = await startEchoServer();
    expect((await openSession(byDefault)).remoteSettings.maxConcurrentStreams).toBe(100);
  });
});

describe("an unknown method", () => {
  test.each([
    ["application/grpc", "application/grpc"],
    ["application/grpc+proto", "application/grpc+proto"],
    ["application/grpc-web+proto", "application/grpc-web+proto"],
    ["application/grpc-web-text", "application/grpc-web-text"],
    ["application/grpc-web+json; charset=utf-8", "application/grpc-web+json"],
  ])("called with %s gets UNIMPLEMENTED, without a body", async (contentType, answered) => {
    const { port } = await startEchoServer();
    const headers = { ":method": "POST", ":path": "/no.Such/100%25", "content-type": contentType };
    await expect(request(await openSession(port), headers, Buffer.alloc(5))).resolves.toMatchObject({
      status: 200,
      headers: {
        "content-type": answered,
        "grpc-status": "12",
        "grpc-message": encodeURIComponent("unknown method /no.Such/100%25"),
      },
      body: "",
    });
  });

  test.each(["application/json", "application/connect+proto", "application/grpcx"])(
    "called with %s gets 404",
    async (contentType) => {
      const { port } = await startEchoServer();
      const headers = { ":method": "POST", ":path": "/no.Such/Method", "content-type": contentType };
      await expect(request(await openSession(port), headers, Buffer.alloc(5))).resolves.toMatchObject({ status: 404 });
    },
  );
});
