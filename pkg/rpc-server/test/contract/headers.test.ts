import { create } from "@bufbuild/protobuf";
import { decodeBinaryHeader, encodeBinaryHeader, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { EchoRequestSchema } from "../gen/echo/v1/echo_service_pb.ts";
import { unaryPlaces } from "./contract.ts";

const BYTES = Uint8Array.of(0, 1, 2, 250, 255);

/** A handler that answers with what it is told. */
function answering(tell: (context: HandlerContext) => unknown) {
  return { echo: (_: unknown, context: HandlerContext) => ({ text: JSON.stringify(tell(context) ?? null) }) };
}

describe.each(unaryPlaces)("$name: request headers", ({ start }) => {
  test("reach the handler; names do not care about case", async () => {
    const service = answering(({ requestHeader }) => [requestHeader.get("X-One"), requestHeader.get("x-none")]);
    const { echo } = await start({ service });
    await expect(echo("", { headers: { "x-ONE": "1" } })).resolves.toMatchObject({ text: '["1",null]' });
  });

  test("sent twice are joined by comma and space", async () => {
    const headers = new Headers();
    headers.append("x-many", "a");
    headers.append("x-many", "b");
    const { echo } = await start({ service: answering(({ requestHeader }) => requestHeader.get("x-many")) });
    await expect(echo("", { headers })).resolves.toMatchObject({ text: '"a, b"' });
  });

  test("that an interceptor sets, appends to and deletes are what the handler sees", async () => {
    const interceptor: Interceptor = (next) => (request) => {
      request.header.set("x-set", "new");
      request.header.append("x-append", "more");
      request.header.delete("x-delete");
      return next(request);
    };
    const service = answering(({ requestHeader }) =>
      ["x-set", "x-append", "x-delete", "x-kept"].map((name) => requestHeader.get(name)),
    );
    const { echo } = await start({ service, interceptors: [interceptor] });
    const headers = { "x-set": "old", "x-append": "one", "x-delete": "gone", "x-kept": "kept" };
    await expect(echo("", { headers })).resolves.toMatchObject({ text: '["new","one, more",null,"kept"]' });
  });

  test("that an interceptor changes are what the interceptors after it see", async () => {
    const seen: unknown[] = [];
    const outer: Interceptor = (next) => (request) => {
      request.header.set("x-id", "7");
      return next({ ...request });
    };
    const inner: Interceptor = (next) => (request) => {
      seen.push(request.header.get("x-id"));
      return next(request);
    };
    const { echo } = await start({ interceptors: [outer, inner] });
    await echo("");
    expect(seen).toEqual(["7"]);
  });

  test("ending in -bin carry bytes", async () => {
    const service = answering(({ requestHeader }) => [...decodeBinaryHeader(requestHeader.get("x-data-bin") ?? "")]);
    const { echo } = await start({ service });
    const headers = { "x-data-bin": encodeBinaryHeader(BYTES) };
    await expect(echo("", { headers })).resolves.toMatchObject({ text: "[0,1,2,250,255]" });
  });

  test("ending in -bin carry messages, and padded base64 too", async () => {
    const service = answering(({ requestHeader }) => [
      decodeBinaryHeader(requestHeader.get("x-message-bin") ?? "", EchoRequestSchema).text,
      new TextDecoder().decode(decodeBinaryHeader(requestHeader.get("x-padded-bin") ?? "")),
    ]);
    const { echo } = await start({ service });
    const headers = {
      "x-message-bin": encodeBinaryHeader(create(EchoRequestSchema, { text: "in a header" }), EchoRequestSchema),
      "x-padded-bin": btoa("a"),
    };
    await expect(echo("", { headers })).resolves.toMatchObject({ text: '["in a header","a"]' });
  });

  test("ending in -bin sent twice can be split before they are decoded", async () => {
    const headers = new Headers();
    headers.append("x-data-bin", encodeBinaryHeader("one"));
    headers.append("x-data-bin", encodeBinaryHeader("two"));
    const service = answering(({ requestHeader }) =>
      requestHeader
        .get("x-data-bin")
        ?.split(",")
        .map((part) => new TextDecoder().decode(decodeBinaryHeader(part.trim()))),
    );
    const { echo } = await start({ service });
    await expect(echo("", { headers })).resolves.toMatchObject({ text: '["one","two"]' });
  });

  test("are real Headers, in the interceptor and in the handler, also after spreading", async () => {
    const seen: Headers[] = [];
    const interceptor: Interceptor = (next) => (request) => {
      seen.push(request.header);
      return next({ ...request });
    };
    const service = answering(({ requestHeader }) => void seen.push(requestHeader));
    const { echo } = await start({ service, interceptors: [interceptor, interceptor] });
    await echo("", { headers: { "x-a": "1", "x-b": "2" } });
    expect(seen).toHaveLength(3);
    for (const header of seen) {
      expect(header).toBeInstanceOf(Headers);
      expect(Object.prototype.toString.call(header)).toBe("[object Headers]");
      expect(header.has("x-a")).toBe(true);
      expect([...header]).toContainEqual(["x-a", "1"]);
      expect([...header.keys()]).toContain("x-b");
      expect([...header.values()]).toContain("2");
      expect(Object.fromEntries(header.entries())).toMatchObject({ "x-a": "1", "x-b": "2" });
      expect(new Headers(header).get("x-b")).toBe("2");
      expect(new Request("http://a", { headers: header }).headers.get("x-b")).toBe("2");
      const each: string[] = [];
      header.forEach((value, name) => void each.push(`${name}=${value}`));
      expect(each).toContain("x-a=1");
      expect(header.getSetCookie()).toEqual([]);
      expect(() => header.set("x-c", "line\nbreak")).toThrow(TypeError);
    }
  });

  test("can still be read after the call", async () => {
    const seen: Headers[] = [];
    const { echo } = await start({ service: answering(({ requestHeader }) => void seen.push(requestHeader)) });
    await echo("", { headers: { "x-a": "1" } });
    await echo("", { headers: { "x-a": "2" } });
    expect(seen.map((header) => header.get("x-a"))).toEqual(["1", "2"]);
  });
});

describe.each(unaryPlaces)("$name: response headers and trailers", ({ start }) => {
  test("that a handler sets and appends to reach the client, each in its place", async () => {
    const { echo } = await start({
      service: answering(({ responseHeader, responseTrailer }) => {
        responseHeader.set("x-head", "1");
        responseHeader.append("x-head", "2");
        responseTrailer.set("x-trail", "3");
        responseTrailer.append("x-trail", "4");
      }),
    });
    const { header, trailer } = await echo("");
    expect([header.get("x-head"), header.get("x-trail")]).toEqual(["1, 2", null]);
    expect([trailer.get("x-head"), trailer.get("x-trail")]).toEqual([null, "3, 4"]);
  });

  test("ending in -bin carry bytes", async () => {
    const { echo } = await start({
      service: answering(({ responseHeader, responseTrailer }) => {
        responseHeader.set("x-head-bin", encodeBinaryHeader(BYTES));
        responseTrailer.set("x-trail-bin", encodeBinaryHeader(BYTES));
      }),
    });
    const { header, trailer } = await echo("");
    expect(decodeBinaryHeader(header.get("x-head-bin") ?? "")).toEqual(BYTES);
    expect(decodeBinaryHeader(trailer.get("x-trail-bin") ?? "")).toEqual(BYTES);
  });

  test("carry what Latin-1 can write", async () => {
    const { echo } = await start({
      service: answering(({ responseHeader }) => responseHeader.set("x-head", "h\xe9llo")),
    });
    expect((await echo("")).header.get("x-head")).toBe("h\xe9llo");
  });

  test("keep cookies apart", async () => {
    const { echo } = await start({
      service: answering(({ responseHeader }) => {
        responseHeader.append("set-cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT");
        responseHeader.append("set-cookie", "b=2");
      }),
    });
    expect((await echo("")).header.getSetCookie()).toEqual(["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"]);
  });

  test("that a handler sets are there for interceptors, as real Headers", async () => {
    const seen: Headers[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next(request);
      seen.push(response.header, response.trailer);
      return { ...response };
    };
    const service = answering(({ responseHeader, responseTrailer }) => {
      seen.push(responseHeader, responseTrailer);
      responseHeader.set("x-both", "1");
      responseTrailer.set("x-both", "1");
    });
    const { echo } = await start({ service, interceptors: [interceptor, interceptor] });
    await echo("");
    expect(seen).toHaveLength(6);
    for (const header of seen) {
      expect(header).toBeInstanceOf(Headers);
      expect([...header]).toContainEqual(["x-both", "1"]);
      expect(new Headers(header).get("x-both")).toBe("1");
    }
  });

  test("that an interceptor sets, appends to and deletes are what the client gets", async () => {
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next(request);
      for (const target of [response.header, response.trailer]) {
        target.set("x-set", "new");
        target.append("x-append", "more");
        target.delete("x-delete");
      }
      return response;
    };
    const service = answering(({ responseHeader, responseTrailer }) => {
      for (const target of [responseHeader, responseTrailer]) {
        target.set("x-set", "old");
        target.set("x-append", "one");
        target.set("x-delete", "gone");
      }
    });
    const { echo } = await start({ service, interceptors: [interceptor] });
    const answer = await echo("");
    for (const received of [answer.header, answer.trailer]) {
      expect(["x-set", "x-append", "x-delete"].map((name) => received.get(name))).toEqual(["new", "one, more", null]);
    }
  });

  test("that an interceptor replaces are what the client gets", async () => {
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next(request);
      return {
        ...response,
        header: new Headers([...response.header, ["x-new", "1"]]),
        trailer: new Headers([...response.trailer, ["x-new", "2"]]),
      };
    };
    const service = answering(({ responseHeader, responseTrailer }) => {
      responseHeader.set("x-old", "0");
      responseTrailer.set("x-old", "0");
    });
    const { echo } = await start({ service, interceptors: [interceptor] });
    const { header, trailer } = await echo("");
    expect([header.get("x-new"), header.get("x-old")]).toEqual(["1", "0"]);
    expect([trailer.get("x-new"), trailer.get("x-old")]).toEqual(["2", "0"]);
  });
});
