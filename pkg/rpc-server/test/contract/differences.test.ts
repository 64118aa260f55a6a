import { once } from "node:events";
import { Code, type ConnectError, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { openSession } from "../raw-http.ts";
import { type Place, unaryPlaces } from "./contract.ts";

/** Where ours does what connect-node does not, on purpose: each row says what both do, and why. */
const onPost = unaryPlaces.filter(({ wire }) => wire.requestMethod === "POST");
const isOurs = ({ server }: Place) => server === "rpc-server";

/** Posts bytes that are no message; resolves with the gRPC code as a number, or Connect's code as text. */
async function codeForGarbage({ wire, start }: Place): Promise<unknown> {
  const { baseUrl } = await start();
  const message = Uint8Array.of(0x0f);
  const body = wire.protocolName === "connect" ? message : Uint8Array.of(0, 0, 0, 0, 1, ...message);
  const contentType = wire.protocolName === "connect" ? "application/proto" : `application/${wire.protocolName}`;
  if (wire.httpVersion === "2") {
    const path = "/echo.v1.EchoService/Echo";
    const session = await openSession(Number(new URL(baseUrl).port));
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": contentType, te: "trailers" });
    const codes: unknown[] = [];
    stream.on("response", (headers) => codes.push(headers["grpc-status"]));
    stream.on("trailers", (headers) => codes.push(headers["grpc-status"]));
    stream.resume().end(body);
    await once(stream, "close");
    return Number(codes.find((code) => code !== undefined));
  }
  const response = await fetch(`${baseUrl}/echo.v1.EchoService/Echo`, {
    method: "POST",
    headers: { "content-type": contentType },
    body,
  });
  if (wire.protocolName === "connect") return ((await response.json()) as { code: string }).code;
  return Number(response.headers.get("grpc-status") ?? /grpc-status: (\d+)/.exec(await response.text())?.[1]);
}

describe.each(onPost)("$name: a message that cannot be decoded", (place) => {
  // gRPC's table says INTERNAL, which would blame, and page, the wrong side; decision 13.
  test(`is ${isOurs(place) ? "INVALID_ARGUMENT" : "INTERNAL"}`, async () => {
    const code = isOurs(place) ? Code.InvalidArgument : Code.Internal;
    const connectCode = isOurs(place) ? "invalid_argument" : "internal";
    await expect(codeForGarbage(place)).resolves.toBe(place.wire.protocolName === "connect" ? connectCode : code);
  });
});

describe.each(unaryPlaces)("$name: a handler that ignores its signal", (place) => {
  const { wire, start } = place;
  const headers: Record<string, string> =
    wire.protocolName === "connect" ? { "connect-timeout-ms": "200" } : { "grpc-timeout": "200m" };

  // connect-node leaves the client waiting for as long as the handler likes.
  test(`is ${isOurs(place) ? "answered for" : "waited for"} at its deadline`, async () => {
    const release = Promise.withResolvers<void>();
    const expired = Promise.withResolvers<string>();
    const { echo } = await start({
      service: {
        async echo(_, { signal }) {
          signal.addEventListener("abort", () => expired.resolve("the deadline has passed"));
          await release.promise;
          return { text: "late" };
        },
      },
    });
    const call = echo("", { headers }).then(
      ({ text }) => text,
      ({ code }: ConnectError) => code,
    );
    if (isOurs(place)) {
      await expect(call).resolves.toBe(Code.DeadlineExceeded);
      release.resolve();
    } else {
      await expired.promise;
      release.resolve();
      await expect(call).resolves.toBe("late");
    }
  });
});

describe.each(unaryPlaces)("$name: interceptors around a call that its deadline ended", (place) => {
  // The end is theirs to see, as if the handler had thrown it, so that logs and metrics of theirs are right.
  test(isOurs(place) ? "see the error" : "see the handler's answer", async () => {
    const seen: unknown[] = [];
    const interceptor: Interceptor = (next) => (request) =>
      next(request).then(
        (response) => {
          seen.push("answer");
          return response;
        },
        (error) => {
          seen.push(error.code);
          throw error;
        },
      );
    const { echo } = await place.start({
      interceptors: [interceptor],
      service: {
        async echo(_, { signal }) {
          await once(signal, "abort");
          return { text: "late" };
        },
      },
    });
    const headers: Record<string, string> =
      place.wire.protocolName === "connect" ? { "connect-timeout-ms": "200" } : { "grpc-timeout": "200m" };
    const outcome = await echo("", { headers }).then(
      ({ text }) => text,
      ({ code }: ConnectError) => code,
    );
    expect(outcome).toBe(isOurs(place) ? Code.DeadlineExceeded : "late");
    expect(seen).toEqual([isOurs(place) ? Code.DeadlineExceeded : "answer"]);
  });
});

describe.each(unaryPlaces)("$name: headers that an interceptor replaces", (place) => {
  // connect-node deletes while it iterates, so that some of the old ones stay, or the protocol's own go missing.
  test(isOurs(place) ? "leave none of the old ones, and the answer whole" : "may leave old ones", async () => {
    const interceptor: Interceptor = (next) => async (request) => ({
      ...(await next(request)),
      header: new Headers({ "x-new": "1" }),
      trailer: new Headers({ "x-new": "2" }),
    });
    const { echo } = await place.start({
      interceptors: [interceptor],
      service: {
        echo({ text }, { responseHeader, responseTrailer }) {
          for (const name of ["x-a", "x-b", "x-c"]) {
            responseHeader.set(name, "old");
            responseTrailer.set(name, "old");
          }
          return { text };
        },
      },
    });
    const call = echo("hi");
    if (!isOurs(place)) {
      const outcome = await call.then(
        ({ header }) => ["x-a", "x-b", "x-c"].filter((name) => header.has(name)).length > 0,
        () => true,
      );
      expect(outcome).toBe(true);
      return;
    }
    const { text, header, trailer } = await call;
    expect(text).toBe("hi");
    expect(["x-new", "x-a", "x-b", "x-c"].map((name) => header.get(name))).toEqual(["1", null, null, null]);
    expect(["x-new", "x-a", "x-b", "x-c"].map((name) => trailer.get(name))).toEqual(["2", null, null, null]);
  });
});
