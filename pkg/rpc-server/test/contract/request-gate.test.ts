import { Code, ConnectError, createContextKey, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import { streamPlaces, unaryPlaces } from "./contract.ts";
import { grpc } from "./contract-wires.ts";

const user = createContextKey("nobody");
const refuse = () => {
  throw new ConnectError("who are you?", Code.Unauthenticated, { "x-realm": "echo" });
};

describe.each(unaryPlaces)("$name: a requestGate", ({ start, wire }) => {
  test.each([
    ["at once", refuse],
    ["after a while", () => new Promise<void>(setImmediate).then(refuse)],
  ])("that throws %s ends the call before interceptors and handler", async (_, requestGate) => {
    let reached = 0;
    const interceptor: Interceptor = (next) => (request) => {
      reached++;
      return next(request);
    };
    const service = { echo: () => ({ text: `${++reached}` }) };
    const { echo } = await start({ service, serviceOptions: { requestGate, interceptors: [interceptor] } });
    const error = await echo("").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: Code.Unauthenticated, rawMessage: "who are you?" });
    expect((error as ConnectError).metadata.get("x-realm")).toBe("echo");
    expect(reached).toBe(0);
  });

  test("that throws what is no ConnectError is INTERNAL without its text", async () => {
    const requestGate = () => {
      throw new Error("password=x");
    };
    const { echo } = await start({ serviceOptions: { requestGate } });
    await expect(echo("")).rejects.toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
  });

  test("runs before the body is looked at", async () => {
    const { echo } = await start({ serviceOptions: { requestGate: refuse, readMaxBytes: 10 } });
    await expect(echo("more than ten bytes")).rejects.toMatchObject({ code: Code.Unauthenticated });
  });

  test("sets context values, headers and trailers for what comes after it", async () => {
    const seen: string[] = [];
    const interceptor: Interceptor = (next) => (request) => {
      seen.push(request.contextValues.get(user), request.header.get("x-seen") ?? "");
      return next(request);
    };
    const { echo } = await start({
      service: { echo: (_, { values }) => ({ text: values.get(user) }) },
      serviceOptions: {
        interceptors: [interceptor],
        async requestGate({ values, requestHeader, responseHeader, responseTrailer }) {
          await new Promise(setImmediate);
          values.set(user, requestHeader.get("x-user") ?? "");
          requestHeader.set("x-seen", "by the gate");
          responseHeader.set("x-head", "1");
          responseTrailer.set("x-trail", "2");
        },
      },
    });
    const { text, header, trailer } = await echo("", { headers: { "x-user": "ada" } });
    expect(text).toBe("ada");
    expect(seen).toEqual(["ada", "by the gate"]);
    expect([header.get("x-head"), trailer.get("x-trail")]).toEqual(["1", "2"]);
  });

  test("is told about its call, as the handler is", async () => {
    const seen: HandlerContext[] = [];
    const { echo } = await start({ serviceOptions: { requestGate: (context) => void seen.push(context) } });
    await echo("");
    expect(seen).toHaveLength(1);
    expect(seen[0]?.service).toBe(EchoService);
    expect(seen[0]?.method).toBe(EchoService.method.echo);
    expect(seen[0]).toMatchObject({ protocolName: wire.protocolName, requestMethod: wire.requestMethod });
    expect(seen[0]?.signal).toBeInstanceOf(AbortSignal);
  });
});

describe.each(streamPlaces)("$name: a requestGate", ({ start, wire }) => {
  test("ends a server stream", async () => {
    const { client } = await start({ serviceOptions: { requestGate: refuse } });
    const received: unknown[] = [];
    const call = async () => {
      for await (const message of client.echoServerStream({ count: 2 })) received.push(message);
    };
    await expect(call()).rejects.toMatchObject({ code: Code.Unauthenticated });
    expect(received).toEqual([]);
  });

  // HTTP/1.1 clients read when they have written.
  if (wire === grpc) {
    test("ends a client stream that would never end by itself", async () => {
      const { client } = await start({ serviceOptions: { requestGate: refuse } });
      const answered = Promise.withResolvers<void>();
      async function* endless() {
        yield { text: "one" };
        await answered.promise;
      }
      await expect(client.echoClientStream(endless())).rejects.toMatchObject({ code: Code.Unauthenticated });
      answered.resolve();
    });
  }
});
