import { AsyncLocalStorage } from "node:async_hooks";
import { create } from "@bufbuild/protobuf";
import { Code, createContextKey, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { type EchoRequest, EchoResponseSchema, EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import { unaryPlaces } from "./contract.ts";

describe.each(unaryPlaces)("$name: a handler", ({ start, wire }) => {
  test.each<[string, (request: EchoRequest) => Promise<{ text: string }> | { text: string }]>([
    ["the fields of a message", async ({ text }) => ({ text })],
    ["a message", async ({ text }) => create(EchoResponseSchema, { text })],
    ["fields, without a promise", ({ text }) => ({ text })],
    ["a message, without a promise", ({ text }) => create(EchoResponseSchema, { text })],
  ])("may return %s", async (_, echo) => {
    const caller = await start({ service: { echo } });
    await expect(caller.echo("hi")).resolves.toMatchObject({ text: "hi" });
  });

  test("may return nothing but defaults", async () => {
    const { echo } = await start({ service: { echo: () => ({}) } });
    await expect(echo("hi")).resolves.toMatchObject({ text: "" });
  });

  test("is called on its instance", async () => {
    class Greeter {
      readonly #greeting = "hello";
      echo({ text }: EchoRequest) {
        return { text: this.#greet(text) };
      }
      #greet(name: string): string {
        return `${this.#greeting} ${name}`;
      }
    }
    const { echo } = await start({ service: new Greeter() });
    await expect(echo("you")).resolves.toMatchObject({ text: "hello you" });
  });

  test("gets a real message", async () => {
    const seen: EchoRequest[] = [];
    const { echo } = await start({ service: { echo: (request) => ({ text: String(seen.push(request)) }) } });
    await echo({ text: "hi", behaviour: { delayMs: 3 } });
    expect(seen).toMatchObject([
      { $typeName: "echo.v1.EchoRequest", text: "hi", behaviour: { $typeName: "echo.v1.Behaviour", delayMs: 3 } },
    ]);
  });

  test("that is missing is UNIMPLEMENTED, while the others are served", async () => {
    const { echo, client } = await start({ service: { echoClientStream: async () => ({ text: "here" }) } });
    await expect(echo("")).rejects.toMatchObject({
      code: Code.Unimplemented,
      rawMessage: "echo.v1.EchoService.Echo is not implemented",
    });
    async function* none() {}
    await expect(client.echoClientStream(none())).resolves.toMatchObject({ text: "here" });
  });

  test("that is missing is still behind the interceptors", async () => {
    const seen: string[] = [];
    const interceptor: Interceptor = (next) => (request) => {
      seen.push(request.method.name);
      return next(request);
    };
    const { echo } = await start({ service: {}, interceptors: [interceptor] });
    await expect(echo("")).rejects.toMatchObject({ code: Code.Unimplemented });
    expect(seen).toEqual(["Echo"]);
  });

  test("may be registered alone", async () => {
    const { echo, client } = await start({
      routes: (router) => router.rpc(EchoService.method.echo, ({ text }) => ({ text: `alone ${text}` })),
    });
    await expect(echo("hi")).resolves.toMatchObject({ text: "alone hi" });
    async function* none() {}
    await expect(client.echoClientStream(none())).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  test("registered later takes the place of the one before", async () => {
    const { echo } = await start({
      routes: (router) =>
        router
          .service(EchoService, { echo: () => ({ text: "first" }) })
          .rpc(EchoService.method.echo, () => ({ text: "second" })),
    });
    await expect(echo("hi")).resolves.toMatchObject({ text: "second" });
  });

  test("is told about its call", async () => {
    const seen: HandlerContext[] = [];
    const { echo, baseUrl } = await start({
      service: { echo: (_, context) => ({ text: String(seen.push(context)) }) },
    });
    await echo("hi");
    const [context] = seen;
    expect(context?.service).toBe(EchoService);
    expect(context?.method).toBe(EchoService.method.echo);
    expect(context?.protocolName).toBe(wire.protocolName);
    expect(context?.requestMethod).toBe(wire.requestMethod);
    expect(context?.signal).toBeInstanceOf(AbortSignal);
    expect(context?.timeoutMs()).toBeUndefined();
    const url = new URL(context?.url ?? "");
    expect(`${url.origin}${url.pathname}`).toBe(`${baseUrl}/echo.v1.EchoService/Echo`);
  });

  test("may spread its context", async () => {
    const key = createContextKey("none");
    const inner = (context: HandlerContext) => {
      context.responseHeader.set("x-a", context.requestHeader.get("x-a") ?? "");
      context.values.set(key, `${context.protocolName} ${context.requestMethod} ${context.signal.aborted}`);
      return { text: `${context.values.get(key)} ${context.timeoutMs()}` };
    };
    const { echo } = await start({ service: { echo: (_, context) => inner({ ...context }) } });
    const answer = await echo("", { headers: { "x-a": "1" } });
    expect(answer.text).toBe(`${wire.protocolName} ${wire.requestMethod} false undefined`);
    expect(answer.header.get("x-a")).toBe("1");
  });

  test.each<[string, (context: HandlerContext) => HandlerContext]>([
    ["freeze", (context) => Object.freeze(context)],
    ["copy, property by property,", (context) => Object.create({}, Object.getOwnPropertyDescriptors(context))],
    ["assign", (context) => Object.assign({}, context)],
  ])("may %s its context", async (_, change) => {
    const inner = ({ signal, url }: HandlerContext) => ({ text: `${signal.aborted} ${url !== ""}` });
    const { echo } = await start({ service: { echo: (_, context) => inner(change(context)) } });
    expect((await echo("")).text).toBe("false true");
  });

  test("shares values and signal with its interceptors", async () => {
    const key = createContextKey("none");
    const seen: unknown[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      seen.push(request.signal, request.contextValues);
      const response = await next(request);
      seen.push(request.contextValues.get(key));
      return response;
    };
    const { echo } = await start({
      service: {
        echo(_, { signal, values }) {
          seen.push(signal, values);
          values.set(key, "set by the handler");
          return {};
        },
      },
      interceptors: [interceptor],
    });
    await echo("");
    expect(seen[2]).toBe(seen[0]);
    expect(seen[3]).toBe(seen[1]);
    expect(seen[4]).toBe("set by the handler");
  });

  test("runs in the asynchronous context that an interceptor opened, apart from other calls", async () => {
    const store = new AsyncLocalStorage<string>();
    const interceptor: Interceptor = (next) => (request) =>
      store.run(request.header.get("x-a") ?? "", () => next(request));
    const { echo } = await start({
      service: {
        async echo() {
          await new Promise(setImmediate);
          return { text: store.getStore() ?? "lost" };
        },
      },
      interceptors: [interceptor],
    });
    const names = Array.from({ length: 10 }, (_, i) => `call ${i}`);
    const answers = await Promise.all(names.map((name) => echo("", { headers: { "x-a": name } })));
    expect(answers.map(({ text }) => text)).toEqual(names);
  });
});
