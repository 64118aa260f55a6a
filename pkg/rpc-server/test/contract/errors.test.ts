import { setImmediate as turn } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, encodeBinaryHeader, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { EchoRequestSchema } from "../gen/echo/v1/echo_service_pb.ts";
import { type Answer, unaryPlaces } from "./contract.ts";

/** What a call that must fail fails with. */
async function errorOf(call: Promise<Answer>): Promise<ConnectError> {
  const outcome = await call.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ConnectError);
  return outcome as ConnectError;
}

const refuse = () => new ConnectError("no", Code.FailedPrecondition);
const codes = Object.values(Code).filter((code) => typeof code === "number");

const throwing: Record<string, Interceptor> = {
  "synchronously before next": () => () => {
    throw refuse();
  },
  "after a while before next": () => async () => {
    await turn();
    throw refuse();
  },
  "after next": (next) => async (request) => {
    await next(request);
    throw refuse();
  },
  "a while after next": (next) => async (request) => {
    await next(request);
    await turn();
    throw refuse();
  },
};

describe.each(unaryPlaces)("$name: an error", ({ start }) => {
  test.each(Object.keys(throwing))("that an interceptor throws %s reaches the client", async (when) => {
    const interceptor = throwing[when] as Interceptor;
    const { echo } = await start({ interceptors: [interceptor] });
    await expect(echo("")).rejects.toMatchObject({ code: Code.FailedPrecondition, rawMessage: "no" });
  });

  test.each(Object.keys(throwing))("that an interceptor throws %s is seen by those around it", async (when) => {
    const seen: unknown[] = [];
    const outer: Interceptor = (next) => async (request) => {
      try {
        return await next(request);
      } catch (error) {
        seen.push(error);
        throw new ConnectError("mapped", Code.NotFound);
      }
    };
    const { echo } = await start({ interceptors: [outer, throwing[when] as Interceptor] });
    await expect(echo("")).rejects.toMatchObject({ code: Code.NotFound, rawMessage: "mapped" });
    expect(seen).toMatchObject([{ code: Code.FailedPrecondition }]);
  });

  test("that a handler throws is the very same object in an interceptor", async () => {
    const thrown = new RangeError("mine");
    const seen: unknown[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      try {
        return await next(request);
      } catch (error) {
        seen.push(error);
        throw error;
      }
    };
    const service = {
      echo() {
        throw thrown;
      },
    };
    const { echo } = await start({ service, interceptors: [interceptor] });
    await expect(echo("")).rejects.toMatchObject({ code: Code.Internal });
    expect(seen).toEqual([thrown]);
    expect(seen[0]).toBe(thrown);
  });

  test.each(codes)("with code %i keeps it", async (code) => {
    const { echo } = await start();
    await expect(echo({ behaviour: { failCode: code } })).rejects.toMatchObject({ code, rawMessage: "told to fail" });
  });

  test.each(["", "100 %", "h\xe9llo, \u4e16\u754c \u{1f30d}", 'line\nbreak\t"quoted"', "a  b ", "x".repeat(5_000)])(
    "keeps its text %#",
    async (text) => {
      const service = {
        echo() {
          throw new ConnectError(text, Code.Aborted);
        },
      };
      const { echo } = await start({ service });
      await expect(echo("")).rejects.toMatchObject({ code: Code.Aborted, rawMessage: text });
    },
  );

  test.each([
    ["an Error", new Error("password=x")],
    ["an error with a code", Object.assign(new Error("password=x"), { code: "23505" })],
    ["a text", "password=x"],
    ["an object", { code: Code.NotFound, message: "password=x" }],
  ])("that is %s is INTERNAL without its text", async (_, thrown) => {
    const service = {
      echo() {
        throw thrown;
      },
    };
    const { echo } = await start({ service });
    await expect(echo("")).rejects.toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
  });

  test("that an interceptor throws and is no ConnectError is INTERNAL without its text", async () => {
    const interceptor: Interceptor = () => () => {
      throw new Error("password=x");
    };
    const { echo } = await start({ interceptors: [interceptor] });
    await expect(echo("")).rejects.toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
  });

  test("made of a copy of connect-es's class is a ConnectError all the same", async () => {
    const foreign = Object.assign(new Error("[not_found] not here"), {
      name: "ConnectError",
      code: Code.NotFound,
      metadata: new Headers(),
      details: [],
      rawMessage: "not here",
      cause: undefined,
      isWireError: false,
    });
    const service = {
      echo() {
        throw foreign;
      },
    };
    const { echo } = await start({ service });
    await expect(echo("")).rejects.toMatchObject({ code: Code.NotFound, rawMessage: "not here" });
  });

  test("carries its metadata to the client", async () => {
    const metadata = new Headers({ "x-plain": "1", "x-data-bin": encodeBinaryHeader("bytes") });
    metadata.append("x-plain", "2");
    const service = {
      echo() {
        throw new ConnectError("no", Code.Aborted, metadata);
      },
    };
    const { echo } = await start({ service });
    const error = await errorOf(echo(""));
    expect(error.metadata.get("x-plain")).toBe("1, 2");
    expect(error.metadata.get("x-data-bin")).toBe(metadata.get("x-data-bin"));
  });

  test("goes out with the headers and trailers that were set before it", async () => {
    const { echo } = await start({
      service: {
        echo(_, { responseHeader, responseTrailer }) {
          responseHeader.set("x-head", "1");
          responseTrailer.set("x-trail", "2");
          throw new ConnectError("no", Code.Aborted, { "x-meta": "3" });
        },
      },
    });
    const { metadata, code } = await errorOf(echo(""));
    expect(code).toBe(Code.Aborted);
    const trailer = metadata.get("x-trail") ?? metadata.get("trailer-x-trail");
    expect([metadata.get("x-head"), trailer, metadata.get("x-meta")]).toEqual(["1", "2", "3"]);
  });

  test("may carry names of the protocols in its metadata, which do no harm", async () => {
    const reserved = {
      "content-type": "text/html",
      "content-length": "1",
      "content-encoding": "snappy",
      "grpc-status": "0",
      "grpc-message": "forged",
      "grpc-encoding": "snappy",
      trailer: "x",
    };
    const service = {
      echo() {
        throw new ConnectError("no", Code.Aborted, reserved);
      },
    };
    const { echo } = await start({ service });
    await expect(echo("")).rejects.toMatchObject({ code: Code.Aborted, rawMessage: "no" });
    await expect(echo("")).rejects.toMatchObject({ code: Code.Aborted, rawMessage: "no" });
  });

  test("that came from another server is passed on without that server's metadata", async () => {
    const { echo } = await start({
      service: {
        echo() {
          const wireError = new ConnectError("from elsewhere", Code.NotFound, { "x-secret": "1" }, [
            { desc: EchoRequestSchema, value: { text: "kept" } },
          ]);
          wireError.isWireError = true;
          throw wireError;
        },
      },
    });
    const error = await errorOf(echo(""));
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "from elsewhere" });
    expect(error.metadata.get("x-secret")).toBeNull();
    expect(error.findDetails(EchoRequestSchema)).toMatchObject([{ text: "kept" }]);
  });

  test("carries its details, whether as values or as they came", async () => {
    const service = {
      echo() {
        const error = new ConnectError("no", Code.Aborted, undefined, [
          { desc: EchoRequestSchema, value: { text: "value" } },
        ]);
        error.details.push({ type: "echo.v1.EchoRequest", value: Uint8Array.of(0x0a, 2, 0x68, 0x69) });
        throw error;
      },
    };
    const { echo } = await start({ service });
    const error = await errorOf(echo(""));
    expect(error.findDetails(EchoRequestSchema)).toEqual([
      create(EchoRequestSchema, { text: "value" }),
      create(EchoRequestSchema, { text: "hi" }),
    ]);
  });
});
