import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { badRequest, playTable } from "./conformance-table.ts";
import { wires } from "./http-client.ts";
import { bookNamed } from "./library-service.ts";
import { jsonOf, startLibrary } from "./start-library.ts";

const GET = "GET /v1/shelves/1/books/2";
const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

describe.each(wires)("headers, %s", (wire) => {
  test("reach handlers by their names, traceparent and request id included", async () => {
    const { call, received } = await startLibrary();

    await call(GET, { wire, headers: { traceparent: TRACEPARENT, "x-request-id": "1", authorization: "Bearer a" } });

    const header = received[0]?.header;
    expect(header?.get("traceparent")).toBe(TRACEPARENT);
    expect(header?.get("x-request-id")).toBe("1");
    expect(header?.get("authorization")).toBe("Bearer a");
  });

  test("come back from handlers by their names, trailers as trailer-", async () => {
    const { call } = await startLibrary({
      handlers: {
        getBook: ({ name }, { responseHeader, responseTrailer }) => {
          responseHeader.set("x-shelf", "1");
          responseHeader.append("set-cookie", "a=b");
          responseHeader.append("set-cookie", "c=d");
          responseTrailer.set("x-cost", "2");
          return bookNamed(name);
        },
      },
    });

    const { headers } = await call(GET, { wire });

    expect(headers).toMatchObject({ "x-shelf": "1", "trailer-x-cost": "2", "set-cookie": ["a=b", "c=d"] });
  });

  test("that are the server's own are not a handler's to set", async () => {
    const { call } = await startLibrary({
      handlers: {
        getBook: ({ name }, { responseHeader }) => {
          responseHeader.set("content-type", "text/html");
          responseHeader.set("content-length", "3");
          responseHeader.set("etag", '"mine"');
          return bookNamed(name);
        },
      },
    });

    const { headers, body } = await call(GET, { wire });

    expect(headers).toMatchObject({
      "content-type": "application/json",
      "content-length": String(body.length),
      etag: '"v%201"',
    });
  });
});

test("acceptHeaders: only those reach handlers", async () => {
  const { call, received } = await startLibrary({ rest: { acceptHeaders: ["Authorization", "x-*"] } });

  await call(GET, { headers: { authorization: "a", "x-b": "b", cookie: "c", traceparent: TRACEPARENT } });

  const header = received[0]?.header ?? new Headers();
  expect([...header.keys()]).toEqual(["authorization", "x-b"]);
});

test("acceptHeaders: what the server itself reads works without being named", async () => {
  const { call } = await startLibrary({ rest: { acceptHeaders: [] } });

  const answer = await call(GET, { headers: { "if-none-match": "*" } });

  expect(answer.status).toBe(304);
});

test("exposeHeaders: only those reach clients, of trailers too", async () => {
  const { call } = await startLibrary({
    rest: { exposeHeaders: ["x-shelf", "x-cost"] },
    handlers: {
      getBook: ({ name }, { responseHeader, responseTrailer }) => {
        responseHeader.set("x-shelf", "1");
        responseHeader.set("x-internal", "1");
        responseTrailer.set("x-cost", "2");
        responseTrailer.set("x-secret", "2");
        return bookNamed(name);
      },
    },
  });

  const { headers } = await call(GET);

  expect(headers).toMatchObject({ "x-shelf": "1", "trailer-x-cost": "2", "content-type": "application/json" });
  expect(headers).not.toHaveProperty("x-internal");
  expect(headers).not.toHaveProperty("trailer-x-secret");
});

test("exposeHeaders: holds for what comes with errors", async () => {
  const getBook = () => {
    throw new ConnectError("no", Code.NotFound, { "x-shelf": "1", "x-internal": "1" });
  };
  const { call } = await startLibrary({ rest: { exposeHeaders: ["x-shelf"] }, handlers: { getBook } });

  const { headers } = await call(GET);

  expect(headers).toMatchObject({ "x-shelf": "1" });
  expect(headers).not.toHaveProperty("x-internal");
});

test("a pattern that is no header name is refused when the transcoder is created", async () => {
  await expect(startLibrary({ rest: { acceptHeaders: ["x y"] } })).rejects.toThrow(/acceptHeaders/);
});

/** Answers when the call's signal fires, or after the time that no test waits. */
const wait = (_request: unknown, { signal }: { signal: AbortSignal }) =>
  new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

describe.each([
  ["grpc-timeout", "50m"],
  ["x-server-timeout", "0.05"],
])("%s", (name, value) => {
  test("ends a call with 504", async () => {
    const { call } = await startLibrary({ handlers: { getBook: wait } });

    const answer = await call(GET, { headers: { [name]: value } });

    expect(answer.status).toBe(504);
    expect(jsonOf(answer)).toMatchObject({ error: { code: 504, status: "DEADLINE_EXCEEDED" } });
  });

  test("is not longer than the server's own", async () => {
    const timeouts = () => ({ maxMs: 50 });
    const { call } = await startLibrary({ handlers: { getBook: wait }, server: { timeouts } });

    expect(await call(GET, { headers: { [name]: name === "grpc-timeout" ? "10S" : "10" } })).toMatchObject({
      status: 504,
    });
  });
});

test("of two timeouts the shorter one holds", async () => {
  const { call } = await startLibrary({ handlers: { getBook: wait } });

  const headers = { "grpc-timeout": "50m", "x-server-timeout": "600" };

  expect(await call(GET, { headers })).toMatchObject({ status: 504 });
});

playTable("timeouts that are none", [
  ...["1", "1s", "-1S", "123456789S"].map((value) => ({
    says: `grpc-timeout: ${value}`,
    send: GET,
    headers: { "grpc-timeout": value },
    ...badRequest(/^invalid grpc-timeout/),
  })),
  ...["1s", "-1", "1e3", "."].map((value) => ({
    says: `x-server-timeout: ${value}`,
    send: GET,
    headers: { "x-server-timeout": value },
    ...badRequest(/^invalid x-server-timeout/),
  })),
  {
    says: "connect-timeout-ms and prefer are not read",
    send: GET,
    headers: { "connect-timeout-ms": "0", prefer: "wait=0" },
    gets: ["GetBook", { name: "shelves/1/books/2" }],
  },
]);

test("acceptHeaders: observers see all headers when a call begins, and those of the list when it ends", async () => {
  const seen: (string | null)[] = [];
  const begin = ({ header }: { header: Headers }) => void seen.push(header.get("x-secret"));
  const observer = { begin, end: begin };
  const { call } = await startLibrary({ rest: { acceptHeaders: ["x-b"] }, server: { observers: [observer] } });

  await call(GET, { headers: { "x-secret": "1", "x-b": "2" } });

  expect(seen).toEqual(["1", null]);
});
