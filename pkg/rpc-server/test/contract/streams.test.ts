import { AsyncLocalStorage } from "node:async_hooks";
import { create } from "@bufbuild/protobuf";
import { Code, createContextKey, type Interceptor, type StreamResponse } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { EchoServerStreamResponseSchema, EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import { streamPlaces } from "./contract.ts";
import { grpc } from "./contract-wires.ts";

const key = createContextKey("none");
const bidiPlaces = streamPlaces.filter(({ wire }) => wire === grpc);

async function collect(messages: AsyncIterable<{ text: string }>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of messages) texts.push(text);
  return texts;
}

async function* streamOf(...texts: string[]) {
  for (const text of texts) yield { text };
}

/** Every message of either direction, as an interceptor may change it. */
async function* mapTexts<T extends object>(messages: AsyncIterable<T>, map: (text: string) => string) {
  for await (const message of messages) {
    yield Object.assign(message, { text: map((message as unknown as { text: string }).text) });
  }
}

/** Marks what passes through it. */
const marking = (mark: string): Interceptor => {
  return (next) => async (request) => {
    if (!request.stream) return next(request);
    const response = await next({ ...request, message: mapTexts(request.message, (text) => `${mark}${text}`) });
    if (!response.stream) return response;
    return { ...response, message: mapTexts(response.message, (text) => `${text}${mark}`) };
  };
};

describe.each(streamPlaces)("$name: a stream", ({ start, wire }) => {
  test("of answers can be wrapped by spreading request and response", async () => {
    const { client } = await start({ interceptors: [marking("a"), marking("b")] });
    await expect(collect(client.echoServerStream({ text: "-", count: 2 }))).resolves.toEqual(["ba-ba", "ba-ba"]);
  });

  test("of requests can be wrapped by spreading request and response", async () => {
    const { client } = await start({ interceptors: [marking("a"), marking("b")] });
    await expect(client.echoClientStream(streamOf("1", "2"))).resolves.toMatchObject({ text: "ba1 ba2ba" });
  });

  test("says what it is", async () => {
    const seen: unknown[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next(request);
      seen.push(request.stream, request.method, request.service, response.stream, request.requestMethod);
      return response;
    };
    const { client } = await start({ interceptors: [interceptor] });
    await collect(client.echoServerStream({ count: 1 }));
    await client.echoClientStream(streamOf("1"));
    const { echoServerStream, echoClientStream } = EchoService.method;
    expect(seen).toEqual([
      ...[true, echoServerStream, EchoService, true, "POST"],
      ...[true, echoClientStream, EchoService, true, "POST"],
    ]);
  });

  test("has headers until its first message, and trailers until its end", async () => {
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next(request);
      response.header.set("x-interceptor", "1");
      return response;
    };
    const { client } = await start({
      interceptors: [interceptor],
      service: {
        async *echoServerStream(_, { responseHeader, responseTrailer, requestHeader }) {
          responseHeader.set("x-handler", requestHeader.get("x-a") ?? "");
          yield { text: "one" };
          responseTrailer.set("x-late", "2");
        },
      },
    });
    const received: unknown[] = [];
    const answers = client.echoServerStream(
      { count: 1 },
      {
        headers: { "x-a": "sent" },
        onHeader: (header) => received.push(header.get("x-handler"), header.get("x-interceptor")),
        onTrailer: (trailer) => received.push(trailer.get("x-late")),
      },
    );
    await expect(collect(answers)).resolves.toEqual(["one"]);
    expect(received).toEqual(["sent", "1", "2"]);
  });

  test("shows its trailers to an interceptor that has read it to its end", async () => {
    const seen: unknown[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next(request);
      if (!response.stream) return response;
      async function* watched({ message, trailer }: StreamResponse) {
        yield* message;
        seen.push(trailer.get("x-late"));
        trailer.set("x-later", "3");
      }
      return { ...response, message: watched(response) };
    };
    const { client } = await start({
      interceptors: [interceptor],
      service: {
        async *echoServerStream(_, { responseTrailer }) {
          yield {};
          responseTrailer.set("x-late", "2");
        },
      },
    });
    const onTrailer = (trailer: Headers) => void seen.push(trailer.get("x-late"), trailer.get("x-later"));
    await collect(client.echoServerStream({}, { onTrailer }));
    expect(seen).toEqual(["2", "2", "3"]);
  });

  test("may be answered by an interceptor that never calls next", async () => {
    let handled = 0;
    const interceptor: Interceptor = () => async (request) => {
      if (!request.stream) throw new Error("not here");
      const { service, method } = request;
      const protocol = wire.protocolName === "connect" ? "connect" : wire.protocolName;
      return {
        stream: true,
        service,
        method,
        // On connect-node the protocol's own headers are among them, and what replaces them must bring its own.
        header: new Headers({ "content-type": `application/${protocol}+proto` }),
        trailer: new Headers({ "grpc-status": "0", "x-cached": "yes" }),
        message: (async function* () {
          yield create(EchoServerStreamResponseSchema, { text: "cached" });
        })(),
      };
    };
    const { client } = await start({
      interceptors: [interceptor],
      service: {
        async *echoServerStream() {
          yield { text: `${++handled}` };
        },
      },
    });
    const seen: unknown[] = [];
    const onTrailer = (trailer: Headers) => void seen.push(trailer.get("x-cached"));
    await expect(collect(client.echoServerStream({}, { onTrailer }))).resolves.toEqual(["cached"]);
    expect(seen).toEqual(["yes"]);
    expect(handled).toBe(0);
  });

  test("shares context values and asynchronous context with its handler", async () => {
    const store = new AsyncLocalStorage<string>();
    const interceptor: Interceptor = (next) => (request) => {
      request.contextValues.set(key, "value");
      return store.run("context", () => next(request));
    };
    const { client } = await start({
      interceptors: [interceptor],
      service: {
        async echoClientStream(messages, { values }) {
          await collect(messages);
          return { text: `${values.get(key)}, ${store.getStore()}` };
        },
      },
    });
    await expect(client.echoClientStream(streamOf("1"))).resolves.toMatchObject({ text: "value, context" });
  });

  test("is called on its instance", async () => {
    class Counter {
      readonly #name = "counter";
      async *echoServerStream() {
        yield { text: this.#name };
      }
    }
    const { client } = await start({ service: new Counter() });
    await expect(collect(client.echoServerStream({}))).resolves.toEqual(["counter"]);
  });

  test("that is missing is UNIMPLEMENTED", async () => {
    const { client } = await start({ service: {} });
    await expect(collect(client.echoServerStream({}))).rejects.toMatchObject({
      code: Code.Unimplemented,
      rawMessage: "echo.v1.EchoService.EchoServerStream is not implemented",
    });
  });
});

describe.each(bidiPlaces)("$name: a bidirectional stream", ({ start }) => {
  test("answers each message as it comes, through interceptors of both directions", async () => {
    const { client } = await start({ interceptors: [marking("a")] });
    let goOn = Promise.withResolvers<void>();
    async function* questions() {
      for (const text of ["1", "2"]) {
        yield { text };
        await goOn.promise;
        goOn = Promise.withResolvers();
      }
    }
    const received: string[] = [];
    for await (const { text } of client.echoBidiStream(questions())) {
      received.push(text);
      goOn.resolve();
    }
    expect(received).toEqual(["a1a", "a2a"]);
  });
});
