import { Code, ConnectError, createContextKey, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { RpcServerOptions } from "../src/index.ts";
import { CALLS, codeOf, collect, connectBy, type Kind, streamOf, WIRES } from "./protocol-client.ts";
import { openSession, openSocket, request } from "./raw-http.ts";
import { type CallRecord, recordCalls } from "./record-calls.ts";
import { startEchoServer } from "./start-echo-server.ts";

const [GRPC] = WIRES;
const FOREVER_MS = 60_000;
const METHODS: Record<Kind, string> = {
  unary: "Echo",
  server_stream: "EchoServerStream",
  client_stream: "EchoClientStream",
  bidi_stream: "EchoBidiStream",
};

async function startObserved(options: Partial<RpcServerOptions> = {}) {
  const record = recordCalls();
  const server = await startEchoServer({ observers: [record.observer], ...options });
  return { ...record, ...server };
}

/** One call was heard, and ended once, with the code that its client was told. */
async function expectOneEnd({ heard, ended }: Pick<CallRecord, "heard" | "ended">, code: string): Promise<void> {
  await ended();
  expect(heard[0]).toMatch(/^begin /);
  expect(heard.filter((word) => /^(begin|end)/.test(word))).toEqual([heard[0], `end ${code}`]);
  expect(heard.at(-1)).toBe(`end ${code}`);
}

describe.each(CALLS)("a $kind call by $protocol over HTTP/$httpVersion", ({ call, kind, protocol, httpVersion }) => {
  test("that succeeds is heard in order: begin, received, sent, end; and says what it is", async () => {
    const before = performance.now();
    const server = await startObserved();
    expect(await codeOf(call(server.baseUrl, { text: "a" }))).toBe("OK");
    await server.ended();
    expect(server.heard).toEqual([`begin ${kind}`, "received", "sent", "end OK"]);
    const [observed] = server.calls;
    expect(observed).toMatchObject({
      service: "echo.v1.EchoService",
      method: METHODS[kind],
      kind,
      protocol,
      httpVersion,
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    expect(observed?.header.get("content-type")).toContain(protocol === "connect" ? "application/" : protocol);
    expect(observed?.startedMs).toBeGreaterThanOrEqual(before);
    expect(observed?.startedMs).toBeLessThanOrEqual(performance.now());
    expect(server.errors).toEqual([]);
  });

  test.each([
    ["the handler's ConnectError", { failCode: Code.NotFound }, {}, "NotFound"],
    ["the handler's other error", { throwText: "secret" }, {}, "Internal"],
    [
      "an interceptor's error",
      {},
      { interceptors: [() => () => Promise.reject(new ConnectError("no", Code.PermissionDenied))] as Interceptor[] },
      "PermissionDenied",
    ],
    ["a request above readMaxBytes", { text: "x".repeat(2_000) }, { readMaxBytes: 1_000 }, "ResourceExhausted"],
    ["an answer above writeMaxBytes", { text: "x".repeat(2_000) }, { writeMaxBytes: 1_000 }, "ResourceExhausted"],
    ["more calls than maxCalls", {}, { maxCalls: 0 }, "Unavailable"],
    ["the server's deadline", { delayMs: FOREVER_MS }, { timeouts: () => ({ defaultMs: 30 }) }, "DeadlineExceeded"],
  ])("ends once, with the code that the client is told, for %s", async (_, ask, options, code) => {
    const server = await startObserved(options);
    expect(await codeOf(call(server.baseUrl, ask))).toBe(code);
    await expectOneEnd(server, code);
  });

  test("ends once, as INVALID_ARGUMENT, for a malformed timeout", async () => {
    const server = await startObserved();
    const header = protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout";
    expect(await codeOf(call(server.baseUrl, {}, { headers: { [header]: "soon" } }))).toBe("InvalidArgument");
    await expectOneEnd(server, "InvalidArgument");
  });

  test("ends once, as CANCELED, when its client goes while the handler runs", async () => {
    const server = await startObserved();
    const leaving = new AbortController();
    const answer = codeOf(call(server.baseUrl, { delayMs: FOREVER_MS }, { signal: leaving.signal }));
    await server.hears("received");
    leaving.abort();
    expect(await answer).toBe("Canceled");
    await expectOneEnd(server, "Canceled");
    await server.server.close();
    expect(server.heard.filter((word) => word.startsWith("end"))).toHaveLength(1);
  });

  test("ends once, as UNAVAILABLE, when the server drains for longer than it may", async () => {
    const server = await startObserved();
    const answer = codeOf(call(server.baseUrl, { delayMs: FOREVER_MS }));
    await server.hears("received");
    await server.server.drain({ timeoutMs: 0 });
    expect(await answer).toBe("Unavailable");
    await expectOneEnd(server, "Unavailable");
  });

  test("shows at its end what interceptors have put into contextValues", async () => {
    const key = createContextKey("nothing");
    const server = await startObserved({
      interceptors: [
        (next) => (req) => {
          req.contextValues.set(key, "seen");
          return next(req);
        },
      ],
    });
    expect(await codeOf(call(server.baseUrl))).toBe("OK");
    await server.ended();
    expect(server.calls[0]?.contextValues.get(key)).toBe("seen");
  });
});

describe("streams", () => {
  test("are heard with each message of both directions", async () => {
    const { baseUrl, heard, ended } = await startObserved();
    const client = connectBy(GRPC, baseUrl);
    await collect(client.echoServerStream({ count: 3 }));
    await client.echoClientStream(streamOf({}, {}));
    await collect(client.echoBidiStream(streamOf({}, {})));
    await ended(3);
    expect(heard.join(", ")).toBe(
      [
        "begin server_stream, received, sent, sent, sent, end OK",
        "begin client_stream, received, received, sent, end OK",
        "begin bidi_stream, received, sent, received, sent, end OK",
      ].join(", "),
    );
  });

  test("that fail half-way end once, after what was sent", async () => {
    const { baseUrl, heard, ended } = await startObserved();
    const answers = connectBy(GRPC, baseUrl).echoServerStream({ count: 2, behaviour: { throwText: "secret" } });
    expect(await codeOf(collect(answers))).toBe("Internal");
    await ended();
    expect(heard).toEqual(["begin server_stream", "received", "sent", "sent", "end Internal"]);
  });

  test.each([
    ["waits", { count: 10_000, behaviour: { delayMs: 10 } }],
    ["floods it", { count: 1_000_000, text: "x".repeat(100_000) }],
  ])("whose client leaves half-way, while the handler %s, end once, as CANCELED", async (_, ask) => {
    const server = await startObserved();
    const leaving = new AbortController();
    const leave = async () => {
      for await (const { index } of connectBy(GRPC, server.baseUrl).echoServerStream(ask, { signal: leaving.signal })) {
        if (index === 1) leaving.abort();
      }
    };
    expect(await codeOf(leave())).toBe("Canceled");
    await expectOneEnd(server, "Canceled");
    await server.server.close();
    expect(server.heard.slice(0, 4)).toEqual(["begin server_stream", "received", "sent", "sent"]);
    expect(server.heard.filter((word) => word.startsWith("end"))).toHaveLength(1);
  });

  test("that an interceptor answers as unary calls end once, as INTERNAL", async () => {
    const mixUp: Interceptor = () => async () => ({ stream: false }) as never;
    const server = await startObserved({ interceptors: [mixUp] });
    expect(await codeOf(collect(connectBy(GRPC, server.baseUrl).echoServerStream({ count: 1 })))).toBe("Internal");
    await expectOneEnd(server, "Internal");
  });
});

const UNARY = "/echo.v1.EchoService/Echo";
const SERVER_STREAM = "/echo.v1.EchoService/EchoServerStream";
const envelope = (payload: Uint8Array, flags = 0) =>
  Buffer.concat([Buffer.of(flags, 0, 0, 0, payload.length), payload]);

describe("a request that reaches no handler is heard as well", () => {
  const NOBODY = { service: "unknown", method: "unknown" };
  test.each([
    ["undecodable protobuf, gRPC", UNARY, "application/grpc", envelope(Buffer.of(0xff)), "InvalidArgument", {}],
    ["undecodable protobuf, gRPC-Web", UNARY, "application/grpc-web", envelope(Buffer.of(0xff)), "InvalidArgument", {}],
    ["undecodable JSON, Connect", UNARY, "application/json", Buffer.from("{"), "InvalidArgument", {}],
    ["two messages", UNARY, "application/grpc", Buffer.alloc(10), "Unimplemented", {}],
    ["a wrong content type", UNARY, "text/html", Buffer.of(1), "Unimplemented", { protocol: "http", method: "Echo" }],
    ["an unknown method, gRPC", "/no.Such/Method", "application/grpc", Buffer.alloc(5), "Unimplemented", NOBODY],
    ["an unknown path", "/no/such", "application/json", Buffer.of(1), "NotFound", { ...NOBODY, protocol: "http" }],
    ["a target that is none", "/a#b", "application/json", Buffer.of(1), "InvalidArgument", { protocol: "http" }],
    ["an undecodable stream, gRPC", SERVER_STREAM, "application/grpc", envelope(Buffer.of(0xff)), "told", {}],
    ["an undecodable stream, gRPC-Web", SERVER_STREAM, "application/grpc-web", envelope(Buffer.of(0xff)), "told", {}],
    [
      "an undecodable stream, Connect",
      SERVER_STREAM,
      "application/connect+proto",
      envelope(Buffer.of(0xff)),
      "told",
      {},
    ],
  ])("%s", async (_, path, contentType, body, code, expected) => {
    const server = await startObserved();
    const session = await openSession(server.port);
    const answer = await request(session, { ":method": "POST", ":path": path, "content-type": contentType }, body);
    await server.ended();
    if (code !== "told") await expectOneEnd(server, code);
    else {
      const told = Code[Number(answer.headers["grpc-status"])] ?? codeInBody(answer.body);
      await expectOneEnd(server, told);
    }
    expect(server.calls[0]).toMatchObject(expected);
  });

  test("an encoding that nobody knows, of each kind of stream, with the code that its client is told", async () => {
    const server = await startObserved();
    const session = await openSession(server.port);
    for (const method of Object.values(METHODS).slice(1)) {
      for (const [type, header] of [
        ["application/grpc", "grpc-encoding"],
        ["application/grpc-web", "grpc-encoding"],
        ["application/connect+proto", "connect-content-encoding"],
      ] as const) {
        const path = `/echo.v1.EchoService/${method}`;
        await request(
          session,
          { ":method": "POST", ":path": path, "content-type": type, [header]: "snappy" },
          envelope(Buffer.of(0), 1),
        );
      }
    }
    await server.ended(9);
    expect(server.heard.filter((word) => word.startsWith("end"))).toEqual(Array(9).fill("end Unimplemented"));
  });

  test("a GET of Connect, which has no content type, counts as Connect", async () => {
    const server = await startObserved();
    const answer = await fetch(`${server.baseUrl}${UNARY}?encoding=json&message=%7B%7D&connect=v1`);
    expect(answer.status).toBe(200);
    await server.ended();
    expect(server.heard).toEqual(["begin unary", "received", "sent", "end OK"]);
    expect(server.calls[0]?.protocol).toBe("connect");
  });
});

/** The code in the end of a stream of gRPC-Web or Connect. */
function codeInBody(body: string): string {
  const status = /grpc-status: (\d+)/.exec(body)?.[1];
  if (status !== undefined) return Code[Number(status)] ?? status;
  const name = /"code":"(\w+)"/.exec(body)?.[1] ?? "";
  return name.replace(/(?:^|_)(\w)/g, (_, letter) => letter.toUpperCase());
}

describe("a client that goes", () => {
  const head = `POST ${UNARY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n`;

  test("before its body is there is heard once, as CANCELED, and received nothing", async () => {
    const server = await startObserved();
    const socket = await openSocket(server.port);
    socket.write(`${head}{`);
    await server.hears("begin");
    socket.resetAndDestroy();
    await expectOneEnd(server, "Canceled");
    expect(server.heard).not.toContain("received");
  });

  test("after its answer changes nothing about its end", async () => {
    const server = await startObserved();
    const socket = await openSocket(server.port);
    socket.write(`${head}{}`);
    await server.ended();
    socket.resetAndDestroy();
    await server.server.close();
    expect(server.heard).toEqual(["begin unary", "received", "sent", "end OK"]);
  });
});

describe("observers", () => {
  test("hear of connections: opened, closed, and dropped above maxConnections", async () => {
    const { connections, port, server } = await startObserved({ maxConnections: 1 });
    const first = await openSocket(port);
    const second = await openSocket(port);
    await new Promise((resolve) => second.resume().once("close", resolve));
    first.destroy();
    await server.drain({ timeoutMs: 1_000 });
    const peer = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
    expect(connections).toEqual([
      { type: "opened", peer },
      { type: "dropped", peer },
      { type: "closed", peer },
    ]);
    expect(connections[2]?.peer).toBe(connections[0]?.peer);
    expect(connections[1]?.peer).not.toBe(connections[0]?.peer);
  });

  test("all hear every call, also beside one that hears nothing", async () => {
    const [first, second] = [recordCalls(), recordCalls()];
    const { baseUrl } = await startEchoServer({ observers: [first.observer, {}, second.observer] });
    await connectBy(GRPC, baseUrl).echo({});
    await collect(connectBy(GRPC, baseUrl).echoServerStream({ count: 1 }));
    await second.ended(2);
    expect(first.heard).toHaveLength(8);
    expect(second.heard).toEqual(first.heard);
  });

  test("that throw disturb neither the call nor the other observers, and onError is told", async () => {
    const failing = () => {
      throw new Error("observer");
    };
    const record = recordCalls();
    const observers = [{ begin: failing, received: failing, sent: failing, end: failing }, record.observer];
    const { baseUrl, errors } = await startEchoServer({ observers });
    expect(await codeOf(connectBy(GRPC, baseUrl).echo({}))).toBe("OK");
    await record.ended();
    expect(record.heard).toEqual(["begin unary", "received", "sent", "end OK"]);
    expect(errors.map(String)).toEqual(Array(4).fill("Error: observer"));
  });
});
