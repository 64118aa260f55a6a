import { createHandlerContext } from "@connectrpc/connect";
import { expect, onTestFinished, test, vi } from "vitest";
import { EchoService } from "../../../pkg/rpc-server/test/gen/echo/v1/echo_service_pb.ts";
import { callFrom } from "./call.ts";

function contextWith(init: { timeoutMs?: number; requestSignal?: AbortSignal }) {
  const context = createHandlerContext({
    service: EchoService,
    method: EchoService.method.echo,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://localhost/echo.v1.EchoService/Echo",
    ...init,
  });
  return context;
}

test("a call whose client waits for ever has no deadline", () => {
  expect(callFrom(contextWith({}))).not.toHaveProperty("deadline");
});

test("a call's deadline is the moment until which its client waits, also when it is read late", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const context = contextWith({ timeoutMs: 10_000 });
  const expected = new Date(Date.now() + 10_000);
  expect(callFrom(context).deadline).toEqual(expected);
  vi.advanceTimersByTime(5_000);
  expect(callFrom(context).deadline).toEqual(expected);
  context.abort();
});

test("a call's signal fires with the reason of its context's", () => {
  const client = new AbortController();
  const { signal } = callFrom(contextWith({ requestSignal: client.signal }));
  expect(signal.aborted).toBe(false);
  const reason = new Error("the client left");
  client.abort(reason);
  expect(signal.aborted).toBe(true);
  expect(signal.reason).toBe(reason);
});
