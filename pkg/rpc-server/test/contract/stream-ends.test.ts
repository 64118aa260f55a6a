import { once } from "node:events";
import { Code, ConnectError, type Interceptor, type StreamResponse } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { streamPlaces } from "./contract.ts";

async function collect(messages: AsyncIterable<{ text: string }>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of messages) texts.push(text);
  return texts;
}

describe.each(streamPlaces)("$name: a stream", ({ start, wire }) => {
  test("that fails after messages delivers them, then its error with metadata", async () => {
    const { client } = await start({
      service: {
        async *echoServerStream() {
          yield { text: "one" };
          yield { text: "two" };
          throw new ConnectError("then no", Code.DataLoss, { "x-meta": "1" });
        },
      },
    });
    const received: string[] = [];
    const call = (async () => {
      for await (const { text } of client.echoServerStream({})) received.push(text);
    })();
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: Code.DataLoss, rawMessage: "then no" });
    expect((error as ConnectError).metadata.get("x-meta")).toBe("1");
    expect(received).toEqual(["one", "two"]);
  });

  test("that throws what is no ConnectError is INTERNAL without its text", async () => {
    const { client } = await start();
    const call = collect(client.echoServerStream({ count: 1, behaviour: { throwText: "password=x" } }));
    await expect(call).rejects.toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
    const upload = client.echoClientStream(
      (async function* () {
        yield { text: "1", behaviour: { throwText: "password=x" } };
      })(),
    );
    await expect(upload).rejects.toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
  });

  test("of answers fails in its messages, not in next", async () => {
    const seen: string[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next(request);
      seen.push("next has answered");
      if (!response.stream) return response;
      async function* watched({ message }: StreamResponse) {
        try {
          yield* message;
        } catch (error) {
          seen.push(ConnectError.from(error).rawMessage);
          throw new ConnectError("mapped", Code.NotFound);
        }
      }
      return { ...response, message: watched(response) };
    };
    const { client } = await start({ interceptors: [interceptor] });
    const call = collect(client.echoServerStream({ count: 1, behaviour: { failCode: Code.Aborted } }));
    await expect(call).rejects.toMatchObject({ code: Code.NotFound, rawMessage: "mapped" });
    expect(seen).toEqual(["next has answered", "told to fail"]);
  });

  test("of requests fails in next", async () => {
    const seen: unknown[] = [];
    const interceptor: Interceptor = (next) => (request) =>
      next(request).catch((error) => {
        seen.push(error.code);
        throw error;
      });
    const { client } = await start({ interceptors: [interceptor] });
    const upload = (async function* () {
      yield { text: "1", behaviour: { failCode: Code.Aborted } };
    })();
    await expect(client.echoClientStream(upload)).rejects.toMatchObject({ code: Code.Aborted });
    expect(seen).toEqual([Code.Aborted]);
  });

  test("fires its signal at the deadline", async () => {
    const seen: unknown[] = [];
    const { client } = await start({
      service: {
        async *echoServerStream(_, { signal }) {
          yield { text: "one" };
          await once(signal, "abort");
          seen.push(signal.reason);
          throw signal.reason;
        },
      },
    });
    const name = wire.protocolName === "connect" ? "connect-timeout-ms" : "grpc-timeout";
    const headers = { [name]: wire.protocolName === "connect" ? "50" : "50m" };
    await expect(collect(client.echoServerStream({}, { headers }))).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
    expect(seen).toMatchObject([{ code: Code.DeadlineExceeded }]);
  });

  test("fires its signal once it is over", async () => {
    const seen: AbortSignal[] = [];
    const { client } = await start({
      service: {
        async *echoServerStream(_, { signal }) {
          seen.push(signal);
          yield { text: "one" };
        },
      },
    });
    await collect(client.echoServerStream({}));
    const [signal] = seen;
    if (signal?.aborted === false) await once(signal, "abort");
    expect(signal?.aborted).toBe(true);
  });

  test("lets its handler clean up when the client cancels", async () => {
    const cleaned = Promise.withResolvers<string>();
    const { client } = await start({
      service: {
        async *echoServerStream(_, { signal }) {
          try {
            yield { text: "one" };
            await once(signal, "abort");
            throw signal.reason;
          } finally {
            cleaned.resolve("cleaned");
          }
        },
      },
    });
    const cancel = new AbortController();
    const reading = (async () => {
      for await (const _ of client.echoServerStream({}, { signal: cancel.signal })) cancel.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: Code.Canceled });
    await expect(cleaned.promise).resolves.toBe("cleaned");
  });
});
