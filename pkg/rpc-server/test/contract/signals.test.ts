import { once } from "node:events";
import { Code, ConnectError, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { unaryPlaces } from "./contract.ts";
import type { Wire } from "./contract-wires.ts";

/** Sent as a header, and not by the client's own option, a timeout is the server's alone: the client waits. */
function timeoutHeader({ protocolName }: Wire, ms: number): Record<string, string> {
  return protocolName === "connect" ? { "connect-timeout-ms": `${ms}` } : { "grpc-timeout": `${ms}m` };
}

async function reasonOf(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, "abort");
  return signal.reason;
}

/** Waits for its signal, and throws the reason. */
async function untilAborted(_: unknown, { signal }: HandlerContext): Promise<never> {
  throw await reasonOf(signal);
}

describe.each(unaryPlaces)("$name: the signal", ({ start, wire }) => {
  test("fires at the deadline with DEADLINE_EXCEEDED, in the handler and in interceptors", async () => {
    const seen: AbortSignal[] = [];
    const interceptor: Interceptor = (next) => (request) => {
      seen.push(request.signal);
      return next(request);
    };
    const { echo } = await start({ service: { echo: untilAborted }, interceptors: [interceptor] });
    await expect(echo("", { headers: timeoutHeader(wire, 200) })).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
      rawMessage: "the operation timed out",
    });
    expect(seen).toMatchObject([{ aborted: true, reason: { code: Code.DeadlineExceeded } }]);
    expect(seen[0]?.reason).toBeInstanceOf(ConnectError);
  });

  test("fires when the client cancels, as canceled", async () => {
    const begun = Promise.withResolvers<AbortSignal>();
    const service = {
      echo(request: unknown, context: HandlerContext) {
        begun.resolve(context.signal);
        return untilAborted(request, context);
      },
    };
    const { echo } = await start({ service });
    const cancel = new AbortController();
    const call = expect(echo("", { signal: cancel.signal })).rejects.toMatchObject({ code: Code.Canceled });
    const signal = await begun.promise;
    expect(signal.aborted).toBe(false);
    cancel.abort();
    await call;
    const { code } = ConnectError.from(await reasonOf(signal));
    // HTTP/1.1 says no more than that the connection was cut.
    expect(wire.httpVersion === "2" ? [Code.Canceled] : [Code.Canceled, Code.Aborted]).toContain(code);
  });

  test("fires with the very reason of the service's shutdownSignal", async () => {
    const shutdown = new AbortController();
    const reason = new ConnectError("going away", Code.Unavailable);
    const begun = Promise.withResolvers<AbortSignal>();
    const service = {
      echo(request: unknown, context: HandlerContext) {
        begun.resolve(context.signal);
        return untilAborted(request, context);
      },
    };
    const { echo } = await start({ service, serviceOptions: { shutdownSignal: shutdown.signal } });
    const call = expect(echo("")).rejects.toMatchObject({ code: Code.Unavailable, rawMessage: "going away" });
    const signal = await begun.promise;
    shutdown.abort(reason);
    await call;
    expect(signal.reason).toBe(reason);
  });

  test("had fired before the call when the shutdownSignal had", async () => {
    const service = {
      echo(_: unknown, { signal }: HandlerContext) {
        throw signal.reason;
      },
    };
    const reason = new ConnectError("gone", Code.Unavailable);
    const { echo } = await start({ service, serviceOptions: { shutdownSignal: AbortSignal.abort(reason) } });
    await expect(echo("")).rejects.toMatchObject({ code: Code.Unavailable, rawMessage: "gone" });
  });

  test("fires once the call is over, also when that went well", async () => {
    const seen: AbortSignal[] = [];
    const { echo } = await start({ service: { echo: (_, { signal }) => ({ text: String(seen.push(signal)) }) } });
    await echo("");
    const [signal] = seen;
    expect(signal).toBeDefined();
    if (signal !== undefined) await reasonOf(signal);
    expect(signal?.aborted).toBe(true);
  });

  test("that is first read after the call is over has fired", async () => {
    const seen: HandlerContext[] = [];
    const { echo } = await start({ service: { echo: (_, context) => ({ text: String(seen.push(context)) }) } });
    await echo("");
    await echo("");
    const [first] = seen;
    if (first !== undefined) await reasonOf(first.signal);
    expect(first?.signal.aborted).toBe(true);
  });

  test("fires with the error when a handler throws", async () => {
    const seen: AbortSignal[] = [];
    const service = {
      echo(_: unknown, { signal }: HandlerContext) {
        seen.push(signal);
        throw new ConnectError("no", Code.Aborted);
      },
    };
    const { echo } = await start({ service });
    await expect(echo("")).rejects.toMatchObject({ code: Code.Aborted });
    const [signal] = seen;
    expect(signal && (await reasonOf(signal))).toMatchObject({ code: Code.Aborted });
  });

  test("is the same object whenever it is read, and can be passed on", async () => {
    const { echo } = await start({
      service: {
        echo(_, context) {
          const { signal } = context;
          const any = AbortSignal.any([signal, new AbortController().signal]);
          return { text: `${context.signal === signal} ${any.aborted}` };
        },
      },
    });
    await expect(echo("")).resolves.toMatchObject({ text: "true false" });
  });
});

describe.each(unaryPlaces)("$name: timeoutMs()", ({ start, wire }) => {
  test("says the time that is left", async () => {
    const seen: (number | undefined)[] = [];
    const service = {
      async echo(_: unknown, { timeoutMs }: HandlerContext) {
        const first = timeoutMs() ?? 0;
        let later = first;
        while (later >= first) {
          await new Promise(setImmediate);
          later = timeoutMs() ?? 0;
        }
        seen.push(first, later);
        return {};
      },
    };
    const { echo } = await start({ service });
    await echo("", { headers: timeoutHeader(wire, 20_000) });
    const [first = 0, later = 0] = seen;
    expect(first).toBeLessThanOrEqual(20_000);
    expect(first).toBeGreaterThan(10_000);
    expect(later).toBeLessThan(first);
  });

  test("is undefined for a call without a deadline", async () => {
    const { echo } = await start({ service: { echo: (_, { timeoutMs }) => ({ text: `${timeoutMs()}` }) } });
    await expect(echo("")).resolves.toMatchObject({ text: "undefined" });
  });
});
