import { create } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { EchoRequestSchema, EchoResponseSchema, EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import { unaryPlaces } from "./contract.ts";

const { echo } = EchoService.method;
const tenant = createContextKey("nobody");

/** Says all that a handler is told about its call. */
function tell({ text }: { text: string }, { requestHeader, values }: HandlerContext): { text: string } {
  return { text: `${text}, ${requestHeader.get("x-a")}, ${requestHeader.get("x-b")}, ${values.get(tenant)}` };
}

/** An interceptor of unary calls, as the types of connect-es have it. */
function unary(intercept: (request: UnaryRequest, next: (r: UnaryRequest) => Promise<UnaryResponse>) => unknown) {
  const interceptor: Interceptor = (next) => async (request) => {
    if (request.stream) return next(request);
    return (await intercept(request, (r) => next(r) as Promise<UnaryResponse>)) as UnaryResponse;
  };
  return interceptor;
}

describe.each(unaryPlaces)("$name: an interceptor", ({ start, wire }) => {
  const headers = { "x-a": "sent" };

  test("replaces the message by spreading the request", async () => {
    const interceptor = unary((request, next) =>
      next({ ...request, message: create(EchoRequestSchema, { text: "replaced" }) }),
    );
    const { echo } = await start({ service: { echo: tell }, interceptors: [interceptor] });
    await expect(echo("hi", { headers })).resolves.toMatchObject({ text: "replaced, sent, null, nobody" });
  });

  test("changes the message in place", async () => {
    const interceptor = unary((request, next) => {
      Object.assign(request.message, { text: "changed" });
      return next(request);
    });
    const { echo } = await start({ service: { echo: tell }, interceptors: [interceptor] });
    await expect(echo("hi", { headers })).resolves.toMatchObject({ text: "changed, sent, null, nobody" });
  });

  test("replaces the headers by spreading the request", async () => {
    const interceptor = unary((request, next) => next({ ...request, header: new Headers({ "x-b": "new" }) }));
    const { echo } = await start({ service: { echo: tell }, interceptors: [interceptor] });
    await expect(echo("hi", { headers })).resolves.toMatchObject({ text: "hi, null, new, nobody" });
  });

  test("replaces the context values by spreading the request", async () => {
    const interceptor = unary((request, next) =>
      next({ ...request, contextValues: createContextValues().set(tenant, "new") }),
    );
    const { echo } = await start({ service: { echo: tell }, interceptors: [interceptor] });
    await expect(echo("hi", { headers })).resolves.toMatchObject({ text: "hi, sent, null, new" });
  });

  test("replaces the signal by spreading the request", async () => {
    const own = new AbortController();
    const seen: AbortSignal[] = [];
    const { echo } = await start({
      service: { echo: (_, { signal }) => ({ text: String(seen.push(signal)) }) },
      interceptors: [unary((request, next) => next({ ...request, signal: own.signal }))],
    });
    await echo("hi");
    expect(seen).toEqual([own.signal]);
  });

  test("shares context values with the interceptors after it and with the handler", async () => {
    const outer = unary((request, next) => {
      request.contextValues.set(tenant, "acme");
      return next(request);
    });
    const inner = unary((request, next) =>
      next({ ...request, contextValues: request.contextValues.set(tenant, `${request.contextValues.get(tenant)}!`) }),
    );
    const { echo } = await start({ service: { echo: tell }, interceptors: [outer, inner] });
    await expect(echo("hi", { headers })).resolves.toMatchObject({ text: "hi, sent, null, acme!" });
  });

  test("may list the fields of a request instead of spreading it", async () => {
    const interceptor = unary(({ service, method, requestMethod, url, signal, header, contextValues, message }, next) =>
      next({ stream: false, service, method, requestMethod, url, signal, header, contextValues, message }),
    );
    const { echo } = await start({ service: { echo: tell }, interceptors: [interceptor, interceptor] });
    await expect(echo("hi", { headers })).resolves.toMatchObject({ text: "hi, sent, null, nobody" });
  });

  test("has all fields of a request in its keys, as spreading needs it", async () => {
    const keys = new Set<string>();
    const interceptor = unary((request, next) => {
      for (const key of Object.keys({ ...request })) keys.add(key);
      return next(request);
    });
    const { echo } = await start({ interceptors: [interceptor] });
    await echo("hi");
    expect([...keys]).toEqual(
      expect.arrayContaining([
        "stream",
        "service",
        "method",
        "requestMethod",
        "url",
        "signal",
        "header",
        "contextValues",
        "message",
      ]),
    );
  });

  test("has all fields of a response in its keys", async () => {
    const keys = new Set<string>();
    const interceptor = unary(async (request, next) => {
      const response = await next(request);
      for (const key of Object.keys({ ...response })) keys.add(key);
      return response;
    });
    const { echo } = await start({ interceptors: [interceptor] });
    await echo("hi");
    expect([...keys]).toEqual(expect.arrayContaining(["stream", "service", "method", "header", "trailer", "message"]));
  });

  test("replaces the message by spreading the response", async () => {
    const interceptor = unary(async (request, next) => ({
      ...(await next(request)),
      message: create(EchoResponseSchema, { text: "replaced" }),
    }));
    const { echo } = await start({ interceptors: [interceptor] });
    await expect(echo("hi")).resolves.toMatchObject({ text: "replaced" });
  });

  test("sees the handler's answer as a message, whatever it returned", async () => {
    const seen: unknown[] = [];
    const interceptor = unary(async (request, next) => {
      const response = await next(request);
      seen.push(response.message.$typeName);
      return response;
    });
    const { echo } = await start({ service: { echo: ({ text }) => ({ text }) }, interceptors: [interceptor] });
    await echo("hi");
    expect(seen).toEqual(["echo.v1.EchoResponse"]);
  });

  test("changes nothing by another method in the response", async () => {
    const interceptor = unary(async (request, next) => ({
      ...(await next(request)),
      method: { ...echo, name: "Other", output: EchoRequestSchema },
    }));
    const { echo: call } = await start({ interceptors: [interceptor] });
    await expect(call("hi")).resolves.toMatchObject({ text: "hi" });
  });

  test("answers by itself, without a handler", async () => {
    let handled = 0;
    const contentType =
      wire.protocolName === "connect" ? "application/proto" : `application/${wire.protocolName}+proto`;
    const interceptor = unary(({ service, method, message }) => ({
      stream: false,
      service,
      method,
      // On connect-node the protocol's own headers are among them, and what replaces them must bring its own.
      header: new Headers({ "content-type": contentType, "x-cached": "yes" }),
      trailer: new Headers({ "grpc-status": "0", "x-age": "5" }),
      message: create(EchoResponseSchema, { text: `cached ${(message as unknown as { text: string }).text}` }),
    }));
    const { echo } = await start({ service: { echo: () => ({ text: `${++handled}` }) }, interceptors: [interceptor] });
    const answer = await echo("hi");
    expect(answer.text).toBe("cached hi");
    expect(answer.header.get("x-cached")).toBe("yes");
    expect(answer.trailer.get("x-age")).toBe("5");
    expect(handled).toBe(0);
  });

  test("may answer with a rejection instead of throwing", async () => {
    const interceptor = unary(() => Promise.reject(new ConnectError("no", Code.PermissionDenied)));
    const { echo } = await start({ interceptors: [interceptor] });
    await expect(echo("hi")).rejects.toMatchObject({ code: Code.PermissionDenied, rawMessage: "no" });
  });

  test("runs outside those after it in the list", async () => {
    const order: string[] = [];
    const named = (name: string) =>
      unary(async (request, next) => {
        order.push(`${name} begins`);
        const response = await next(request);
        order.push(`${name} ends`);
        return response;
      });
    const { echo } = await start({
      service: { echo: () => ({ text: String(order.push("handler")) }) },
      interceptors: [named("a"), named("b"), named("c")],
    });
    await echo("hi");
    expect(order).toEqual(["a begins", "b begins", "c begins", "handler", "c ends", "b ends", "a ends"]);
  });

  test("may call next again after a failure", async () => {
    const requests: string[] = [];
    const retry = unary((request, next) => next(request).catch(() => next(request)));
    const { echo } = await start({
      service: {
        echo({ text }) {
          if (requests.push(text) === 1) throw new ConnectError("once", Code.Unavailable);
          return { text };
        },
      },
      interceptors: [retry],
    });
    await expect(echo("hi")).resolves.toMatchObject({ text: "hi" });
    expect(requests).toEqual(["hi", "hi"]);
  });

  test("may call next twice with requests of its own, at the same time", async () => {
    const both = unary(async (request, next) => {
      const responses = await Promise.all(
        ["one", "two"].map((text) => next({ ...request, message: create(EchoRequestSchema, { text }) })),
      );
      const text = responses.map(({ message }) => (message as unknown as { text: string }).text).join(" ");
      return { ...responses[0], message: create(EchoResponseSchema, { text }) };
    });
    const { echo } = await start({ interceptors: [both] });
    await expect(echo("hi")).resolves.toMatchObject({ text: "one two" });
  });

  test("keeps apart calls that run at the same time", async () => {
    const interceptor = unary((request, next) => {
      request.contextValues.set(tenant, request.header.get("x-a") ?? "");
      return next(request);
    });
    const { echo } = await start({ service: { echo: tell }, interceptors: [interceptor] });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => echo(`${i}`, { headers: { "x-a": `a${i}` } })),
    );
    expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}, a${i}, null, a${i}`));
  });

  test("knows what is called", async () => {
    const seen: UnaryRequest[] = [];
    const { echo, baseUrl } = await start({
      interceptors: [unary((request, next) => next(seen.push(request) ? request : request))],
    });
    await echo("hi");
    const [request] = seen;
    expect(request?.stream).toBe(false);
    expect(request?.service).toBe(EchoService);
    expect(request?.method).toBe(EchoService.method.echo);
    expect(request?.requestMethod).toBe(wire.requestMethod);
    expect(request?.message).toMatchObject({ $typeName: "echo.v1.EchoRequest", text: "hi" });
    const url = new URL(request?.url ?? "");
    expect(`${url.origin}${url.pathname}`).toBe(`${baseUrl}/echo.v1.EchoService/Echo`);
    expect(url.searchParams.has("message")).toBe(wire.requestMethod === "GET");
  });
});
