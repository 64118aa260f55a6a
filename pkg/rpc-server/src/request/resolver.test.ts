import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EchoService } from "../../test/gen/echo/v1/echo_service_pb.ts";
import { CallHeaders } from "../call/call-headers.ts";
import { entryOf } from "../codec/codec-call.fixture.ts";
import type { Exchange } from "../connection/exchange.ts";
import { createRpcResolver, refuseUnknownMethod } from "./resolver.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 500), seed: 20261121 };

const { echo, echoClientStream, echoBidiStream } = EchoService.method;
const UNARY = "/echo.v1.EchoService/Echo";
const STREAM = "/echo.v1.EchoService/EchoClientStream";
const BIDI = "/echo.v1.EchoService/EchoBidiStream";

const resolve = createRpcResolver(
  new Map(
    [echo, echoClientStream, echoBidiStream].map((method) => entryOf(method)).map((entry) => [entry.path, entry]),
  ),
);

function resolved(target: string, contentType?: string, { method = "POST", httpVersion = "2", by = resolve } = {}) {
  const headers = new CallHeaders(contentType === undefined ? [] : ["content-type", contentType]);
  const found = by({ target, method, httpVersion, headers } as Exchange);
  if (found === undefined) return "nothing";
  return found.kind === "refusal"
    ? [...found.head, found.grpcMessage ?? []].flat().join(" ")
    : `${found.codec.protocol} ${found.format.name}`;
}

test.each([
  ["application/grpc", "grpc proto", "grpc proto"],
  ["application/grpc+proto", "grpc proto", "grpc proto"],
  ["application/grpc+json", "grpc json", "grpc json"],
  ["application/grpc-web", "grpc-web proto", "grpc-web proto"],
  ["application/grpc-web+proto", "grpc-web proto", "grpc-web proto"],
  ["application/grpc-web+json", "grpc-web json", "grpc-web json"],
  ["application/proto", "connect proto", "refused"],
  ["application/json", "connect json", "refused"],
  ["application/connect+proto", "refused", "connect proto"],
  ["application/connect+json", "refused", "connect json"],
  ["APPLICATION/JSON", "connect json", "refused"],
  ["Application/Grpc+Proto", "grpc proto", "grpc proto"],
  ["application/json;charset=utf-8", "connect json", "refused"],
  ["application/json; charset=UTF-8", "connect json", "refused"],
  ['application/json ; Charset="utf-8"', "connect json", "refused"],
  ["application/json;charset=utf8;", "refused", "refused"],
  ["application/json; charset=latin1", "refused", "refused"],
  ["application/grpc; a=b; c=d", "grpc proto", "grpc proto"],
  ['application/grpc; a="b c"', "grpc proto", "grpc proto"],
  ["application/grpc; charset=utf-16", "refused", "refused"],
  ["application/grpc;", "refused", "refused"],
  ["application/grpc x", "refused", "refused"],
  ["application/grpcx", "refused", "refused"],
  ["application/grpc+thrift", "refused", "refused"],
  ["application/grpc-web-text", "refused", "refused"],
  ["application/grpc-web-text+proto", "refused", "refused"],
  ["application/jsonx", "refused", "refused"],
  ["xapplication/json", "refused", "refused"],
  ["text/html", "refused", "refused"],
  ["", "refused", "refused"],
  [undefined, "refused", "refused"],
])("the content type %j is, unary: %s; streaming: %s", (contentType, unary, stream) => {
  const expected = (what: string) => (what === "refused" ? expect.stringMatching(/^:status 415 accept-post /) : what);
  for (const _ of ["parsed", "remembered"]) {
    expect(resolved(UNARY, contentType)).toEqual(expected(unary));
    expect(resolved(STREAM, contentType)).toEqual(expected(stream));
  }
});

test("case, white space and parameters change nothing about a content type, however many spellings there are", () => {
  const type = fc.constantFrom("application/grpc", "application/grpc-web+json", "application/json");
  const space = fc.string({ unit: fc.constantFrom(" ", "\t"), maxLength: 2 });
  const parameter = fc
    .tuple(space, space, fc.constantFrom("charset=utf-8", 'charset="UTF-8"', "x=y", 'q="a b"', "boundary=a-b"))
    .map(([before, after, text]) => `${before};${after}${text}`);
  fc.assert(
    fc.property(type, fc.array(parameter, { maxLength: 4 }), fc.infiniteStream(fc.boolean()), (plain, more, upper) => {
      const mixed = [...plain].map((char) => (upper.next().value ? char.toUpperCase() : char)).join("");
      expect(resolved(UNARY, `${mixed}${more.join("")}`)).toBe(resolved(UNARY, plain));
    }),
    parameters,
  );
});

test.each([
  ["white space after a parameter", `application/json;a=${" ".repeat(15_000)};`],
  ["white space before nothing", `application/json${" ".repeat(15_000)}x`],
  ["many parameters", `application/json${";a=b ".repeat(3_000)};`],
  ["quotes", `application/json;a=${'"'.repeat(15_000)}`],
])("a content type made of much %s is refused in no time", (_, contentType) => {
  const start = performance.now();
  expect(resolved(UNARY, contentType)).toMatch(/^:status 415 /);
  // With an expression that tries all ways to divide the spaces, it would be days.
  expect(performance.now() - start).toBeLessThan(1_000);
});

/** Both resolvers in turn, as the server asks them. */
function refused(target: string, contentType?: string): string {
  return resolved(target, contentType, { by: (exchange) => resolve(exchange) ?? refuseUnknownMethod(exchange) });
}

describe("a path that nobody serves", () => {
  test.each([
    ["application/grpc", /^:status 200 content-type application\/grpc unknown method \/x$/],
    ["application/json", /^nothing$/],
    ["text/html", /^nothing$/],
    [undefined, /^nothing$/],
  ])("called with %j", (contentType, expected) => {
    expect(refused("/x", contentType)).toMatch(expected);
  });

  test("is repeated to gRPC clients in part when it is long", () => {
    expect(refused(`/${"x".repeat(10_000)}`, "application/grpc").length).toBeLessThan(400);
  });

  test.each(["/", "/constructor", "/__proto__", `${UNARY}/`, UNARY.toLowerCase(), `/${UNARY}`])("may be %s", (path) => {
    expect(refused(path, "application/json")).toBe("nothing");
  });
});

describe("the HTTP method", () => {
  test.each([
    ["GET", UNARY, /^:status 415$/],
    ["GET", `${UNARY}?encoding=proto`, /^connect proto$/],
    ["GET", `${UNARY}?message=&encoding=json`, /^connect json$/],
    ["GET", `${UNARY}?encoding=xml`, /^:status 415$/],
    ["GET", `${STREAM}?encoding=json`, /^:status 405 allow POST$/],
    ["PUT", UNARY, /^:status 405 allow GET, POST$/],
    ["HEAD", UNARY, /^:status 405 /],
    ["OPTIONS", UNARY, /^:status 405 /],
    ["POST", `${UNARY}?a=b`, /^connect json$/],
  ])("%s %s", (method, target, expected) => {
    expect(resolved(target, "application/json", { method })).toMatch(expected);
  });
});

describe("HTTP/1.1", () => {
  test.each([
    [UNARY, "application/json", /^connect json$/],
    [UNARY, "application/grpc-web", /^grpc-web proto$/],
    [UNARY, "application/grpc", /^:status 505 connection close$/],
    [STREAM, "application/connect+json", /^connect json$/],
    [BIDI, "application/connect+json", /^:status 505 connection close$/],
    [BIDI, "application/grpc", /^:status 505 connection close$/],
  ])("%s with %s", (target, contentType, expected) => {
    expect(resolved(target, contentType, { httpVersion: "1.1" })).toMatch(expected);
  });
});

test.each([
  [{ grpc: false }, "application/grpc", /^:status 415 (?!.*application\/grpc,).*grpc-web.*application\/proto/],
  [{ grpcWeb: false }, "application/grpc-web", /^:status 415 (?!.*grpc-web)/],
  [{ connect: false }, "application/json", /^:status 415 (?!.*application\/json)/],
])("a protocol that a service has switched off, %j, is refused", (options, contentType, expected) => {
  const entry = entryOf(echo, options);
  const by = createRpcResolver(new Map([[entry.path, entry]]));
  expect(resolved(UNARY, contentType, { by })).toMatch(expected);
});

test("a service without Connect is not called by GET either", () => {
  const entry = entryOf(echo, { connect: false });
  const by = createRpcResolver(new Map([[entry.path, entry]]));
  expect(resolved(`${UNARY}?encoding=json`, undefined, { method: "GET", by })).toMatch(/^:status 405 /);
});
