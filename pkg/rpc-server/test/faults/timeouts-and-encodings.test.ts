import { Code } from "@connectrpc/connect";
import { type Fault, judgeFaults } from "./judge-fault.ts";
import { goodRequest } from "./requests.ts";
import { allWires, getWires, grpcWires, type Wire } from "./wires.ts";

const connectWires = allWires.filter(({ protocol }) => protocol === "connect");

/** Source: gRPC over HTTP/2, Timeout; Connect protocol, Timeout-Milliseconds. Both: digits, at most 8 and 10 of them. */
function badTimeout(fault: string, on: readonly Wire[], value: string): Fault {
  return {
    fault,
    on,
    request: ({ timeoutHeader }) => ({ headers: { [timeoutHeader]: value } }),
    answer: ({ timeoutHeader }) => ({ code: Code.InvalidArgument, message: new RegExp(timeoutHeader, "i") }),
  };
}

judgeFaults([
  badTimeout("a timeout without a unit", grpcWires, "1"),
  badTimeout("a negative timeout", grpcWires, "-1S"),
  badTimeout("a timeout in an unknown unit", grpcWires, "1x"),
  badTimeout("a timeout of nine digits", grpcWires, "123456789S"),
  badTimeout("an empty timeout", grpcWires, ""),
  badTimeout("a timeout with a fraction", grpcWires, "1.5S"),
  badTimeout("a timeout without digits", grpcWires, "S"),
  badTimeout("a timeout that is no number", connectWires, "abc"),
  badTimeout("a negative timeout", connectWires, "-1"),
  badTimeout("a timeout of eleven digits", connectWires, "12345678901"),
  badTimeout("an empty timeout", connectWires, ""),
  badTimeout("a timeout with a fraction", connectWires, "1.5"),
  badTimeout("a timeout in hexadecimal", connectWires, "0x10"),
]);

/** A timeout that is valid but no timer can hold must not fire early: a handler answers long before. */
judgeFaults([
  {
    fault: "the longest timeout there is",
    on: grpcWires,
    request: () => ({ headers: { "grpc-timeout": "99999999H" } }),
    answer: {},
  },
  {
    fault: "the longest timeout there is",
    on: connectWires,
    request: () => ({ headers: { "connect-timeout-ms": "9999999999" } }),
    answer: {},
  },
]);

/** Source: gRPC compression.md; Connect protocol, "Unary-Request" and "Streaming-Request". */
judgeFaults([
  {
    fault: "an unknown encoding",
    on: allWires.filter(({ framing }) => framing !== "query"),
    request: ({ encodingHeader }) => ({ headers: { [encodingHeader]: "snappy" } }),
    answer: ({ acceptHeader }) => ({
      code: Code.Unimplemented,
      message: /supported are gzip|supported encodings/,
      metadata: { [acceptHeader]: /\bgzip\b/ },
    }),
  },
  {
    fault: "an unknown encoding",
    on: getWires,
    request: (wire) => ({ path: `${goodRequest(wire).path}&compression=snappy` }),
    answer: {
      code: Code.Unimplemented,
      message: /supported are gzip|supported encodings/,
      metadata: { "accept-encoding": /\bgzip\b/ },
    },
  },
  {
    fault: "identity, which is no encoding,",
    on: allWires.filter(({ framing }) => framing !== "query"),
    request: ({ encodingHeader }) => ({ headers: { [encodingHeader]: "identity" } }),
    answer: {},
  },
]);
