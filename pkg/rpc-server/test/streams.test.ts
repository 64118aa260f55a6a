import { once } from "node:events";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Interceptor, type ServiceImpl } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test } from "vitest";
import type { CallObserver, RpcServerOptions } from "../src/index.ts";
import { EchoClientStreamRequestSchema, EchoService } from "./gen/echo/v1/echo_service_pb.ts";
import { openSession } from "./raw-http.ts";
import { startEchoServer } from "./start-echo-server.ts";

const KIB = 1024;

type Handlers = Partial<ServiceImpl<typeof EchoService>>;

async function serve(handlers: Handlers, options: Partial<RpcServerOptions> = {}) {
  const started = await startEchoServer({ routes: (router) => router.service(EchoService, handlers), ...options });
  const sessionManager = new Http2SessionManager(started.baseUrl);
  onTestFinished(() => sessionManager.abort());
  const client = createClient(EchoService, createGrpcTransport({ baseUrl: started.baseUrl, sessionManager }));
  return { ...started, client };
}

function open(session: ClientHttp2Session, method: string, headers = {}): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": `/echo.v1.EchoService/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  return stream.on("error", () => {});
}

/** A request without a field, in its envelope. */
const EMPTY_REQUEST = Buffer.alloc(5);

function envelope(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** By then the server has seen, and answered, what was sent before. */
async function roundTrips(session: ClientHttp2Session, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    session.ping(() => resolve());
    await promise;
  }
}

async function count(messages: AsyncIterable<unknown>): Promise<number> {
  let counted = 0;
  for await (const _ of messages) counted++;
  return counted;
}

const outcomeOf = (call: Promise<unknown>) => call.then(String, (error: ConnectError) => error.code);

describe("a stream of answers", () => {
  test("waits while its client does not read, and goes on when it does", async () => {
    let yielded = 0;
    const { port } = await serve({
      async *echoServerStream() {
        for (; yielded < 2_000; yielded++) yield { text: "x".repeat(KIB) };
      },
    });
    const session = await openSession(port);
    const stream = open(session, "EchoServerStream");
    stream.end(EMPTY_REQUEST);
    await once(stream, "response");
    await roundTrips(session, 20);
    const whileWaiting = yielded;
    // The client's window and its stream's own buffer, and two writes of ours.
    expect(whileWaiting).toBeLessThan(200);
    stream.resume();
    await once(stream, "close");
    expect(yielded).toBe(2_000);
  });

  test("leaves in few writes when its messages are ready together", async () => {
    const { port } = await serve({
      async *echoServerStream() {
        for (let index = 0; index < 300; index++) yield { text: "small", index };
      },
    });
    const stream = open(await openSession(port), "EchoServerStream");
    const chunks: number[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk.length));
    stream.end(EMPTY_REQUEST);
    await once(stream, "close");
    expect(chunks.length).toBeLessThan(5);
  });

  test("gives each message that comes alone to the client at once", async () => {
    const read = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { client } = await serve({
      async *echoServerStream() {
        for (const [index, { promise }] of read.entries()) {
          yield { index };
          await promise;
        }
      },
    });
    const seen: number[] = [];
    for await (const { index } of client.echoServerStream({})) {
      seen.push(index);
      read[index]?.resolve();
    }
    expect(seen).toEqual([0, 1]);
  });

  test("hears in its handler of a message that cannot be written, and cleans up", async () => {
    const seen: unknown[] = [];
    const cleaned = Promise.withResolvers<void>();
    const handlers: Handlers = {
      async *echoServerStream() {
        try {
          yield { text: "x".repeat(KIB) };
        } catch (error) {
          seen.push((error as ConnectError).code);
          throw error;
        } finally {
          cleaned.resolve();
        }
      },
    };
    const { client } = await serve(handlers, { writeMaxBytes: 100 });
    await expect(count(client.echoServerStream({}))).rejects.toMatchObject({ code: Code.ResourceExhausted });
    await cleaned.promise;
    expect(seen).toEqual([Code.ResourceExhausted]);
  });

  test("that ignores its signal ends at its deadline, in its interceptors too", async () => {
    const seen: unknown[] = [];
    const release = Promise.withResolvers<void>();
    onTestFinished(() => release.resolve());
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next(request);
      if (!response.stream) return response;
      const { message } = response;
      async function* watched() {
        try {
          yield* message;
        } catch (error) {
          seen.push((error as ConnectError).code);
          throw new ConnectError("in my words", Code.Aborted);
        }
      }
      return { ...response, message: watched() };
    };
    const handlers: Handlers = {
      async *echoServerStream() {
        yield {};
        await release.promise;
      },
    };
    const { client } = await serve(handlers, { interceptors: [interceptor], timeouts: () => ({ defaultMs: 300 }) });
    await expect(outcomeOf(count(client.echoServerStream({})))).resolves.toBe(Code.Aborted);
    expect(seen).toEqual([Code.DeadlineExceeded]);
  });
});

describe("an iterator of a handler's own, whose return", () => {
  test.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("return");
      },
    ],
    ["is no promise", () => undefined],
    ["rejects", () => Promise.reject(new Error("return"))],
  ])("%s, does not keep its call from ending", async (_, end) => {
    const next = () => new Promise(() => {});
    const iterable = { [Symbol.asyncIterator]: () => ({ next, return: end }) };
    const { client, errors } = await serve(
      { echoServerStream: () => iterable as unknown as AsyncIterable<object> },
      { timeouts: () => ({ maxMs: 20 }) },
    );
    await expect(outcomeOf(count(client.echoServerStream({})))).resolves.toBe(Code.DeadlineExceeded);
    expect(errors).toEqual([]);
  });
});

describe("a stream of requests", () => {
  test("waits while its handler does not read, and goes on when it does", async () => {
    const goOn = Promise.withResolvers<void>();
    let received = 0;
    const handlers: Handlers = {
      async echoClientStream(requests) {
        await goOn.promise;
        return { text: String(await count(requests)) };
      },
    };
    const observers: CallObserver[] = [{ received: () => void received++ }];
    const { port } = await serve(handlers, { observers });
    const session = await openSession(port);
    const stream = open(session, "EchoClientStream");
    const message = envelope(
      toBinary(EchoClientStreamRequestSchema, create(EchoClientStreamRequestSchema, { text: "x".repeat(16 * KIB) })),
    );
    let sent = 0;
    for (let i = 0; i < 100; i++) stream.write(message, () => void sent++);
    stream.end();
    await roundTrips(session, 20);
    // The stream's window, what the server queues, and one more.
    expect(sent).toBeLessThan(20);
    expect(received).toBe(0);
    goOn.resolve();
    stream.resume();
    await once(stream, "close");
    expect([sent, received]).toEqual([100, 100]);
  });

  test("whose handler has read enough is thrown away", async () => {
    const { port } = await serve({
      async echoClientStream(requests) {
        for await (const _ of requests) break;
        return { text: "enough" };
      },
    });
    const stream = open(await openSession(port), "EchoClientStream");
    stream.resume();
    const trailers = once(stream, "trailers");
    for (let i = 0; i < 1_000; i++) stream.write(envelope(Buffer.alloc(0)));
    const [received] = await trailers;
    expect(received["grpc-status"]).toBe("0");
    stream.end();
  });

  test("that cannot be decoded is an error of the server's: its handler hears of it, and mapError", async () => {
    const seen: unknown[] = [];
    const mapError = (error: ConnectError) => new ConnectError(`mapped: ${error.rawMessage}`, error.code);
    const handlers: Handlers = {
      async echoClientStream(requests) {
        await count(requests).catch((error) => {
          seen.push(error.code);
          throw error;
        });
        return {};
      },
    };
    const { port } = await serve(handlers, { mapError });
    const stream = open(await openSession(port), "EchoClientStream");
    const answered = once(stream, "response");
    stream.resume().end(envelope(Uint8Array.of(0x0f)));
    const [headers] = await answered;
    // One frame: there is nothing but the error.
    expect(headers).toMatchObject({ "grpc-status": String(Code.InvalidArgument) });
    expect(decodeURIComponent(headers["grpc-message"])).toMatch(/^mapped: /);
    expect(seen).toEqual([Code.InvalidArgument]);
  });

  test("that cannot be decoded is held no longer than its call", async () => {
    const { port, client } = await serve(
      { echoClientStream: async (requests) => ({ text: String(await count(requests)) }) },
      { maxBufferBytes: 10 * KIB },
    );
    const session = await openSession(port);
    for (let i = 0; i < 4; i++) {
      const stream = open(session, "EchoClientStream");
      stream.resume().end(envelope(Buffer.alloc(3 * KIB, 0xff)));
      const [headers] = await once(stream, "response");
      expect(headers).toMatchObject({ "grpc-status": String(Code.InvalidArgument) });
    }
    const requests = (async function* () {
      yield { text: "x".repeat(9 * KIB) };
    })();
    await expect(client.echoClientStream(requests)).resolves.toMatchObject({ text: "1" });
  });

  test("can be read by several at the same time", async () => {
    const { client } = await serve({
      async echoClientStream(requests) {
        const iterator = requests[Symbol.asyncIterator]();
        const steps = await Promise.all([iterator.next(), iterator.next(), iterator.next()]);
        return { text: steps.map(({ done, value }) => (done ? "end" : value.text)).join(" ") };
      },
    });
    const requests = (async function* () {
      yield { text: "1" };
      yield { text: "2" };
    })();
    await expect(client.echoClientStream(requests)).resolves.toMatchObject({ text: "1 2 end" });
  });
});
