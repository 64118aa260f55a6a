import { describe, expect, test } from "vitest";
import type { RpcServerOptions } from "../src/index.ts";
import { echoService } from "./echo-service.ts";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";
import { openSession, openSocket, readUntil, request } from "./raw-http.ts";
import { recordCalls } from "./record-calls.ts";
import { startEchoServer } from "./start-echo-server.ts";

/** Long enough for a call to reach its handler on a busy machine. */
const SHORT: Partial<RpcServerOptions> = { timeouts: () => ({ defaultMs: 500 }) };

describe("the time in which a body comes counts", () => {
  const UNARY = "/echo.v1.EchoService/Echo";

  test.each([
    ["application/grpc", { "grpc-timeout": "50m" }, { status: 200, headers: { "grpc-status": "4" } }],
    [
      "application/grpc-web",
      { "grpc-timeout": "50m" },
      { status: 200, body: expect.stringContaining("grpc-status: 4") },
    ],
    [
      "application/json",
      { "connect-timeout-ms": "50" },
      { status: 504, body: expect.stringContaining("deadline_exceeded") },
    ],
  ])("%s over HTTP/2", async (contentType, timeout, expected) => {
    const record = recordCalls();
    const { port } = await startEchoServer({ observers: [record.observer] });
    const session = await openSession(port);
    const headers = { ":method": "POST", ":path": UNARY, "content-type": contentType, ...timeout };
    const stream = session.request(headers, { endStream: false });
    const answered = new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
    let body = "";
    stream.setEncoding("latin1").on("data", (chunk) => {
      body += chunk;
    });
    stream.on("error", () => {});
    const answer = await answered;
    expect(answer[":status"]).toBe(expected.status);
    if ("headers" in expected) expect(answer).toMatchObject(expected.headers);
    else {
      await new Promise((resolve) => stream.once("end", resolve));
      expect(body).toEqual(expected.body);
    }
    await record.ended();
    expect(record.heard).toEqual(["begin unary", "end DeadlineExceeded"]);
    stream.close();
  });

  test("Connect over HTTP/1.1", async () => {
    const { port } = await startEchoServer();
    const socket = await openSocket(port);
    socket.write(
      `POST ${UNARY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnect-Timeout-Ms: 50\r\nContent-Length: 9\r\n\r\n{`,
    );
    await expect(readUntil(socket, /deadline_exceeded/)).resolves.toMatch(/^HTTP\/1\.1 504 /);
  });

  test.each(["application/grpc", "application/grpc-web", "application/connect+proto"])(
    "%s, a client stream that its client does not end",
    async (contentType) => {
      const record = recordCalls();
      const { port } = await startEchoServer({ ...SHORT, observers: [record.observer] });
      const session = await openSession(port);
      const stream = session.request(
        { ":method": "POST", ":path": "/echo.v1.EchoService/EchoClientStream", "content-type": contentType },
        { endStream: false },
      );
      stream.on("error", () => {}).resume();
      stream.write(Buffer.alloc(5));
      await record.ended();
      expect(record.heard).toEqual(["begin client_stream", "received", "end DeadlineExceeded"]);
      stream.close();
    },
  );
});

describe("while the client's window is closed", () => {
  test.each(["application/grpc", "application/grpc-web", "application/connect+proto"])(
    "a stream of %s ends, and lets its handler clean up",
    async (contentType) => {
      const cleaned = Promise.withResolvers<void>();
      const record = recordCalls();
      const { port, errors } = await startEchoServer({
        ...SHORT,
        observers: [record.observer],
        routes: (router) =>
          router.service(EchoService, {
            ...echoService,
            async *echoServerStream() {
              try {
                for (;;) yield { text: "x".repeat(100_000) };
              } finally {
                cleaned.resolve();
              }
            },
          }),
      });
      const session = await openSession(port);
      // Nobody reads it: the window stays closed once it is full.
      const stream = session.request({
        ":method": "POST",
        ":path": "/echo.v1.EchoService/EchoServerStream",
        "content-type": contentType,
      });
      stream.on("error", () => {});
      stream.end(Buffer.alloc(5));
      await Promise.all([record.ended(), cleaned.promise]);
      expect(record.heard.at(-1)).toBe("end DeadlineExceeded");
      await expect(request(session, { ":path": "/" })).resolves.toMatchObject({ status: 404 });
      expect(errors).toEqual([]);
      stream.close();
    },
  );
});
