import type { HandlerContext, Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import { startEchoServer } from "../start-echo-server.ts";
import { readOutcome } from "./answers.ts";
import { openConnection } from "./connections.ts";
import { goodRequest } from "./requests.ts";
import { allWires, type Wire } from "./wires.ts";

/** What belongs to the protocols, and must not come from a handler. */
const reserved: readonly (readonly [string, string])[] = [
  ["content-type", "text/html"],
  ["content-length", "1"],
  ["content-encoding", "snappy"],
  ["transfer-encoding", "chunked"],
  ["connection", "close"],
  ["keep-alive", "timeout=1"],
  ["upgrade", "h2c"],
  ["te", "gzip"],
  ["trailer", "x-a"],
  ["host", "elsewhere"],
  ["grpc-status", "13"],
  ["grpc-message", "forged"],
  ["grpc-status-details-bin", "AAAA"],
  ["grpc-encoding", "snappy"],
  ["connect-content-encoding", "snappy"],
  ["proxy-connection", "close"],
  ["http2-settings", "AAAA"],
];

const places: Record<string, (context: HandlerContext) => Headers> = {
  header: ({ responseHeader }) => responseHeader,
  trailer: ({ responseTrailer }) => responseTrailer,
};

/** Calls a handler that answers "hi" after it touched its metadata; twice, on one connection. */
async function call(
  wire: Wire,
  touch: (context: HandlerContext) => void,
  { interceptors = [], told = [] }: { interceptors?: Interceptor[]; told?: unknown[] } = {},
) {
  const { port, errors } = await startEchoServer({
    interceptors,
    routes: (router) =>
      router
        .rpc(EchoService.method.echo, ({ text }, context) => {
          touch(context);
          return { text };
        })
        .rpc(EchoService.method.echoServerStream, async function* ({ text }, context) {
          touch(context);
          yield { text };
        }),
  });
  const connection = await openConnection(port, wire.httpVersion);
  const first = readOutcome(wire, await connection.send(goodRequest(wire)));
  const second = readOutcome(wire, await connection.send(goodRequest(wire)));
  expect(errors).toEqual(told);
  return [first, second];
}

const served = { code: undefined, httpStatus: 200 };

describe.each([...allWires])("over $name, a handler's", (wire) => {
  describe.each(Object.keys(places))("%s", (place) => {
    test.each([...reserved])("%s: %s does not break the answer", async (name, value) => {
      const outcomes = await call(wire, (context) => {
        places[place]?.(context).set(name, value);
        places[place]?.(context).set("x-kept", "1");
      });
      for (const { code, httpStatus, messages, metadata } of outcomes) {
        expect({ code, httpStatus }).toEqual(served);
        expect(Buffer.concat(messages).toString()).toContain("hi");
        expect(metadata.get("x-kept") ?? metadata.get("trailer-x-kept")).toBe("1");
        expect(metadata.get("content-type")).toMatch(/^application\/(grpc|grpc-web|connect)?\+?(proto)$/);
      }
    });

    test.each([
      ["a line break in a value", "x-a", "1\r\nx-b: 2"],
      ["a character above Latin-1 in a value", "x-a", "\u20ac"],
      ["a pseudo-header", ":status", "500"],
      ["a space in a name", "x a", "1"],
    ])("refuses %s at once", async (_, name, value) => {
      const thrown: unknown[] = [];
      const [outcome] = await call(wire, (context) => {
        try {
          places[place]?.(context).set(name, value);
        } catch (error) {
          thrown.push(error);
        }
      });
      expect(outcome).toMatchObject(served);
      expect(thrown).toEqual([expect.any(TypeError), expect.any(TypeError)]);
    });

    test("control characters that Headers let pass do not break the answer", async () => {
      const leftOut = expect.objectContaining({ message: expect.stringContaining("x-a") });
      const outcomes = await call(wire, (context) => places[place]?.(context).set("x-a", "a\x01b\x7fc"), {
        told: [leftOut, leftOut],
      });
      expect(outcomes).toMatchObject([served, served]);
    });

    test("what is too long for a block of headers is left out, and the rest is sent", async () => {
      const leftOut = expect.objectContaining({ message: expect.stringContaining("x-long") });
      const touch = (context: HandlerContext) => {
        places[place]?.(context).set("x-long", "x".repeat(100_000));
        places[place]?.(context).set("x-kept", "1");
      };
      const outcomes = await call(wire, touch, { told: [leftOut, leftOut] });
      for (const { code, httpStatus, metadata } of outcomes) {
        expect({ code, httpStatus }).toEqual(served);
        expect(metadata.get("x-kept") ?? metadata.get("trailer-x-kept")).toBe("1");
      }
    });

    test("a hundred values do not break the answer", async () => {
      const [outcome] = await call(wire, (context) => {
        for (let i = 0; i < 100; i++) places[place]?.(context).set(`x-${i}`, "x".repeat(50));
      });
      expect(outcome).toMatchObject(served);
    });
  });

  test("headers and trailers, replaced by an interceptor, leave the answer whole", async () => {
    const interceptor: Interceptor = (next) => async (request) => ({
      ...(await next(request)),
      header: new Headers({ "x-a": "1" }),
      trailer: new Headers({ "x-b": "2" }),
    });
    const [outcome] = await call(wire, () => {}, { interceptors: [interceptor] });
    expect(outcome).toMatchObject(served);
    expect(outcome?.metadata.get("x-a")).toBe("1");
  });
});
