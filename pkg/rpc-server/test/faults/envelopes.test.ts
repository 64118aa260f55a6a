import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { type ExpectedAnswer, type Fault, judgeFaults } from "./judge-fault.ts";
import { envelope, goodMessage, type RawRequest } from "./requests.ts";
import { allWires, connect1, connect2, envelopeWires, grpcWires, type Wire } from "./wires.ts";

const NO_BYTES = Buffer.alloc(0);
const unaryWires = allWires.filter(({ path }) => !path.endsWith("Stream"));
const bodyWires = allWires.filter(({ framing }) => framing !== "query");
const good = (wire: Wire) => goodMessage(wire, "proto");

function badBody(
  fault: string,
  code: Code,
  body: (wire: Wire) => Buffer,
  { on = envelopeWires, ...more }: { on?: readonly Wire[]; headers?: RawRequest["headers"]; open?: boolean } = {},
): Fault {
  return { fault, on, request: (wire) => ({ body: body(wire), ...more }), answer: { code } };
}

/** Source: gRPC statuscodes.md, "cardinality violation"; gRPC over HTTP/2, Length-Prefixed-Message. */
judgeFaults([
  badBody("no message", Code.Unimplemented, () => NO_BYTES),
  badBody("two messages where one is due", Code.Unimplemented, (wire) =>
    Buffer.concat([envelope(good(wire)), envelope(good(wire))]),
  ),
  badBody("a prefix that is cut off", Code.InvalidArgument, () => Buffer.alloc(3)),
  badBody("a message that is cut off", Code.InvalidArgument, (wire) => envelope(good(wire), 0, 100)),
  badBody("a message that is cut off before its first byte", Code.InvalidArgument, () => envelope(NO_BYTES, 0, 1)),
  badBody("bytes after the message", Code.InvalidArgument, (wire) =>
    Buffer.concat([envelope(good(wire)), Buffer.of(0, 0)]),
  ),
  badBody("a second message that is cut off", Code.InvalidArgument, (wire) =>
    Buffer.concat([envelope(good(wire)), envelope(NO_BYTES, 0, 9)]),
  ),
]);

/** Source: gRPC over HTTP/2, Compressed-Flag (0 or 1); gRPC compression.md for a flag without an encoding. */
judgeFaults([
  ...[0x04, 0x40, 0x80].map((flag) =>
    badBody(`the unknown flag 0x${flag.toString(16)}`, Code.InvalidArgument, (wire) => envelope(good(wire), flag)),
  ),
  badBody("the flag of an end of stream, which is the server's", Code.InvalidArgument, (wire) =>
    envelope(good(wire), 0x02),
  ),
  badBody("a compressed message without an encoding", Code.Internal, (wire) => envelope(gzipSync(good(wire)), 1)),
  ...encodedBody("a compressed message with the encoding identity", { code: Code.Internal }, "identity", (wire) =>
    envelope(gzipSync(good(wire)), 1),
  ),
  ...encodedBody("an uncompressed message with an encoding", {}, "gzip", (wire) => envelope(good(wire))),
  ...encodedBody("a compressed message", {}, "gzip", (wire) => envelope(gzipSync(good(wire)), 1)),
]);

function encodedBody(
  fault: string,
  answer: ExpectedAnswer,
  encoding: string,
  body: (wire: Wire) => Buffer,
  on: readonly Wire[] = envelopeWires,
): Fault[] {
  const request = (wire: Wire) => ({ body: body(wire), headers: { [wire.encodingHeader]: encoding } });
  return [{ fault, on, request, answer }];
}

/** A body as the wire carries a compressed message. */
function compressed({ framing }: Wire, bytes: Buffer): Buffer {
  return framing === "envelope" ? envelope(bytes, 1) : bytes;
}

/** Source: RFC 1952, 2.3: the last 8 bytes are the checksum and the length. */
function withWrongChecksum(gzip: Buffer): Buffer {
  return gzip.fill(0, gzip.length - 8, gzip.length - 4);
}

const badGzip: readonly (readonly [string, Code, (wire: Wire) => Buffer])[] = [
  ["bytes that are no gzip", Code.InvalidArgument, () => Buffer.from("no gzip")],
  ["gzip that is cut off", Code.InvalidArgument, (wire) => gzipSync(good(wire)).subarray(0, -9)],
  ["gzip with a wrong checksum", Code.InvalidArgument, (wire) => withWrongChecksum(gzipSync(good(wire)))],
  ["gzip that grows above readMaxBytes", Code.ResourceExhausted, () => gzipSync(Buffer.alloc(5 * 1024 * 1024))],
];
judgeFaults(
  badGzip.flatMap(([fault, code, bytes]) =>
    encodedBody(fault, { code }, "gzip", (wire) => compressed(wire, bytes(wire)), bodyWires),
  ),
);

/** Answered at once: the rest of the message never comes. */
judgeFaults([
  ...[5 * 1024 * 1024, 0xffffffff].map((claimed) =>
    badBody(
      `a prefix that claims ${claimed} bytes`,
      Code.ResourceExhausted,
      (wire) => envelope(good(wire), 0, claimed),
      { open: true },
    ),
  ),
  badBody(
    "a second message while the body goes on",
    Code.Unimplemented,
    (wire) => Buffer.concat([envelope(good(wire)), envelope(good(wire))]),
    { on: grpcWires.filter((wire) => unaryWires.includes(wire)), open: true },
  ),
  {
    fault: "a content-length above readMaxBytes",
    on: [connect1, connect2],
    request: () => ({ body: Buffer.alloc(200, "\x0a\x00", "latin1") }),
    answer: { code: Code.ResourceExhausted },
    options: { readMaxBytes: 100 },
  },
  {
    fault: "a body without a length above readMaxBytes",
    on: [connect1, connect2],
    request: () => ({ body: Buffer.alloc(200, "\x0a\x00", "latin1"), open: true }),
    answer: { code: Code.ResourceExhausted },
    options: { readMaxBytes: 100 },
  },
]);
