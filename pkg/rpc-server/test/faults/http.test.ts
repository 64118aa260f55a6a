import { Code } from "@connectrpc/connect";
import { CHANGE_PATH, type ExpectedAnswer, type Fault, judgeFaults } from "./judge-fault.ts";
import { goodRequest, type RawRequest, requestFor } from "./requests.ts";
import {
  allWires,
  connect1,
  connect2,
  connectStream1,
  connectStream2,
  getWires,
  grpcWires,
  postWires,
  type Wire,
} from "./wires.ts";

const PROTOCOL_ERROR = 1;
const onHttp1 = allWires.filter(({ httpVersion }) => httpVersion === "1.1");
const onHttp2 = allWires.filter(({ httpVersion }) => httpVersion === "2");
const bodyWires = allWires.filter(({ framing }) => framing !== "query");
const manyHeaders = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x-${i}`, "1"]));

function fault(
  name: string,
  on: readonly Wire[],
  request: Partial<RawRequest> | Fault["request"],
  answer: Fault["answer"],
): Fault {
  return { fault: name, on, request: typeof request === "function" ? request : () => request, answer };
}

/** Source: RFC 9112, 3.2; RFC 9113, 8.3.1; RFC 9110, 7.2. What nghttp2 refuses is reset. */
judgeFaults([
  fault("a host with userinfo", onHttp1, { headers: { host: "a@b" } }, { httpStatus: 400 }),
  fault("a host with userinfo", onHttp2, { headers: { ":authority": "a@b" } }, { resetCode: PROTOCOL_ERROR }),
  fault("a host with an impossible port", onHttp1, { headers: { host: "a:99999" } }, { httpStatus: 400 }),
  fault("a host with an impossible port", onHttp2, { headers: { ":authority": "a:99999" } }, { httpStatus: 400 }),
  fault("two hosts", onHttp1, { headers: { host: ["a", "b"] } }, { httpStatus: 400 }),
  fault("two hosts", onHttp2, { headers: { ":authority": "a", host: "b" } }, { httpStatus: 400 }),
  fault("no host", onHttp1, { headers: { host: [] } }, { httpStatus: 400, closes: true }),
  fault("a target in absolute form", onHttp1, ({ path }) => ({ path: `http://a${path}` }), { httpStatus: 400 }),
  fault("a target with a fragment", allWires, (wire) => ({ path: `${goodRequest(wire).path}#x` }), { httpStatus: 400 }),
  fault(
    "CONNECT",
    onHttp2,
    { method: "CONNECT", path: "", body: Buffer.alloc(0), headers: { ":authority": "a:80" } },
    { httpStatus: 400 },
  ),
]);

/** Source: gRPC over HTTP/2, Responses (UNIMPLEMENTED); Connect protocol, Error codes (404). Paths are compared as they are. */
const unknownPath = ({ protocol }: Wire): ExpectedAnswer =>
  protocol === "connect" ? { httpStatus: 404 } : { code: Code.Unimplemented };
const atPath = (path: string) => (wire: Wire) => {
  const good = goodRequest(wire);
  return { path: good.path.replace(wire.path, path) };
};
judgeFaults([
  fault("an unknown method", allWires, atPath("/echo.v1.EchoService/Nobody"), unknownPath),
  fault("an unknown service", allWires, atPath("/nobody.v1.NobodyService/Echo"), unknownPath),
  fault("a path with a slash too many", allWires, atPath("/echo.v1.EchoService/Echo/"), unknownPath),
  fault("a path in other letters", allWires, atPath("/echo.v1.echoservice/echo"), unknownPath),
  fault("a path with percent encoding", allWires, atPath("/echo.v1.EchoService/%45cho"), unknownPath),
  fault("a path with bad percent encoding", allWires, atPath("/echo.v1.EchoService/%zz"), unknownPath),
  fault("a name that every object has", allWires, atPath("/constructor/__proto__"), unknownPath),
  fault("a query where none is due", bodyWires, (wire) => ({ path: `${wire.path}?x=1` }), {}),
]);

/** Source: RFC 9110, 15.5.6 (allow) and 15.5.16; gRPC over HTTP/2, Requests; Connect protocol, Unary-Request. */
judgeFaults([
  ...["PUT", "PATCH", "DELETE"].map((method) =>
    fault(`the method ${method}`, bodyWires, { method }, { httpStatus: 405, metadata: { allow: /\bPOST\b/ } }),
  ),
  fault(
    "GET for a stream",
    [connectStream1, connectStream2],
    { method: "GET", body: Buffer.alloc(0), headers: { "content-type": [] } },
    { httpStatus: 405, metadata: { allow: /^POST$/ } },
  ),
  fault(
    "GET for a method with side effects",
    getWires,
    (wire) => requestFor({ ...wire, path: CHANGE_PATH }, Buffer.of(), "proto"),
    {
      httpStatus: 405,
      metadata: { allow: /^POST$/ },
    },
  ),
  ...[
    "text/html",
    "application/grpcx",
    "application/grpc+thrift",
    "application/connect",
    "application/",
    "*/*",
    "",
  ].map((type) =>
    fault(
      `the content type ${JSON.stringify(type)}`,
      bodyWires,
      { headers: { "content-type": type } },
      {
        httpStatus: 415,
        metadata: { "accept-post": /application\/(grpc|json|connect\+json)/ },
      },
    ),
  ),
  fault(
    "no content type",
    bodyWires,
    { headers: { "content-type": [] } },
    {
      httpStatus: 415,
      metadata: { "accept-post": /application\/(grpc|json|connect\+json)/ },
    },
  ),
  fault(
    "a stream's content type for a unary call",
    [connect1, connect2],
    {
      headers: { "content-type": "application/connect+proto" },
    },
    { httpStatus: 415, metadata: { "accept-post": /application\/proto/ } },
  ),
  fault(
    "a unary call's content type for a stream",
    [connectStream1, connectStream2],
    {
      headers: { "content-type": "application/proto" },
    },
    { httpStatus: 415, metadata: { "accept-post": /application\/connect\+proto/ } },
  ),
]);

/** Source: RFC 9110, 15.6.6. Bidirectional streams need full duplex. */
judgeFaults([
  fault(
    "a bidirectional stream over HTTP/1.1",
    [connectStream1],
    {
      path: "/echo.v1.EchoService/EchoBidiStream",
    },
    { httpStatus: 505, closes: true },
  ),
]);

/** Source: RFC 6585, 5; RFC 9110, 10.1.1. */
judgeFaults([
  fault("more headers than maxHeaders", allWires, { headers: manyHeaders }, { httpStatus: 431 }),
  fault("an expectation nobody meets", allWires, { headers: { expect: "tea" } }, { httpStatus: 417 }),
  fault(
    "a name that every object has among the headers",
    postWires,
    { headers: { constructor: "1", tostring: "2" } },
    {},
  ),
  fault(
    "many values of one timeout",
    grpcWires,
    { headers: { "grpc-timeout": ["1S", "2S"] } },
    {
      code: Code.InvalidArgument,
      message: /grpc-timeout/,
    },
  ),
]);
