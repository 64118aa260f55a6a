import { describe, expect, test } from "vitest";
import { createHeaderPolicy } from "./header-policy.ts";

describe("request headers", () => {
  test("are given to handlers as they are, without a copy", () => {
    const list = ["authorization", "Bearer x", "x-some", "upgrade", "trace-bin", "AAE"];
    expect(createHeaderPolicy().requestHeaders(list)).toBe(list);
  });

  test.each(["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-authorization"])(
    "%s is the connection's",
    (name) => {
      const list = ["a", "1", name, "x", "a", "2"];
      for (const options of [{}, { acceptHeaders: ["*"] }, { acceptHeaders: ["a", name] }]) {
        expect(createHeaderPolicy(options).requestHeaders(list)).toEqual(["a", "1", "a", "2"]);
      }
    },
  );

  test("a client cannot hide others by naming them in connection", () => {
    const list = ["connection", "x-forwarded-for", "x-forwarded-for", "::1"];
    expect(createHeaderPolicy().requestHeaders(list)).toEqual(["x-forwarded-for", "::1"]);
  });

  test("are those of the list, by name in any case and by beginning", () => {
    const { requestHeaders } = createHeaderPolicy({ acceptHeaders: ["Authorization", "X-*"] });
    const list = ["authorization", "1", "x-", "2", "x-a", "3", "xa", "4", "authorization2", "5"];
    expect(requestHeaders(list)).toEqual(["authorization", "1", "x-", "2", "x-a", "3"]);
    expect(createHeaderPolicy({ acceptHeaders: [] }).requestHeaders(list)).toEqual([]);
  });
});

describe("what handlers set", () => {
  const RESERVED = ["content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "date"];

  test("is sent by its name, trailers before the body as trailer-", () => {
    const { responseHeader, responseTrailer } = createHeaderPolicy();
    for (const name of ["x-a", "location", "set-cookie", "cache-control", "etag", "x-a-bin"]) {
      expect([responseHeader(name), responseTrailer(name)]).toEqual([name, `trailer-${name}`]);
    }
  });

  test.each([...RESERVED, "grpc-status", "grpc-message", "grpc-status-details-bin"])(
    "%s is the server's own",
    (name) => {
      for (const options of [{}, { exposeHeaders: ["*"] }]) {
        const policy = createHeaderPolicy(options);
        expect([policy.responseHeader(name), policy.responseTrailer(name)]).toEqual([undefined, undefined]);
      }
      expect(() => createHeaderPolicy({ exposeHeaders: [name] })).toThrow(`exposeHeaders: ${name}`);
    },
  );

  test("is what the list has", () => {
    const { responseHeader, responseTrailer } = createHeaderPolicy({ exposeHeaders: ["x-request-id", "X-Rate-*"] });
    expect(["x-request-id", "x-rate-left", "x-other"].map(responseHeader)).toEqual([
      "x-request-id",
      "x-rate-left",
      undefined,
    ]);
    expect(["x-request-id", "x-other"].map(responseTrailer)).toEqual(["trailer-x-request-id", undefined]);
  });
});

test.each(["", "a b", "x-*-y", "a:", "é", "**"])("%j is refused as a header name", (name) => {
  expect(() => createHeaderPolicy({ acceptHeaders: [name] })).toThrow("acceptHeaders");
  expect(() => createHeaderPolicy({ exposeHeaders: [name] })).toThrow("exposeHeaders");
});
