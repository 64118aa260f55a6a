import { create, equals, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EchoRequestSchema, EchoResponseSchema } from "../../../test/gen/echo/v1/echo_service_pb.ts";
import { codecCall } from "../codec-call.fixture.ts";
import { compressions } from "./compression.ts";
import { checkBody, decodeEnvelope, encodeEnvelope, envelope } from "./envelope.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 500), seed: 20261121 };
const [gzip] = compressions;
const message = create(EchoRequestSchema, { text: "hello" });
const bytes = toBinary(EchoRequestSchema, message);
const whole = envelope(0, bytes);

function codeOf(work: () => unknown): string {
  try {
    work();
    return "OK";
  } catch (error) {
    return Code[ConnectError.from(error).code];
  }
}

test.each([
  ["no message", [], "Unimplemented"],
  ["a message", [whole], "OK"],
  ["an empty message", [envelope(0, Buffer.alloc(0))], "OK"],
  ["two messages", [whole, whole], "Unimplemented"],
  ["a message and an empty one", [whole, envelope(0, Buffer.alloc(0))], "Unimplemented"],
  ["a part of a prefix", [whole.subarray(0, 4)], "InvalidArgument"],
  ["a part of a message", [whole.subarray(0, -1)], "InvalidArgument"],
  ["a message and a byte", [whole, Buffer.of(0)], "InvalidArgument"],
  ["a message and a part of another", [whole, whole.subarray(0, -1)], "InvalidArgument"],
  ["flags that nobody knows", [envelope(2, bytes)], "InvalidArgument"],
  ["the end-of-stream flag", [envelope(0x80, bytes)], "InvalidArgument"],
  ["a compressed message without an encoding", [envelope(1, bytes)], "Internal"],
  ["a length above the limit", [Buffer.of(0, 0, 0, 3, 0xe9)], "ResourceExhausted"],
  ["the largest length there is", [Buffer.of(0, 255, 255, 255, 255)], "ResourceExhausted"],
  ["no protobuf", [envelope(0, Buffer.of(0xff))], "InvalidArgument"],
])("a body of %s is %s", (_, parts, expected) => {
  expect(codeOf(() => decodeEnvelope(codecCall(), Buffer.concat(parts)))).toBe(expected);
});

test("a prefix is judged as soon as it is whole, and not before", () => {
  const tooLarge = Buffer.of(0, 0, 0, 3, 0xe9);
  for (let length = 0; length < 5; length++) {
    expect(codeOf(() => checkBody(codecCall(), tooLarge.subarray(0, length), true))).toBe("OK");
  }
  expect(codeOf(() => checkBody(codecCall(), tooLarge, true))).toBe("ResourceExhausted");
});

test("a second message is refused as soon as it is whole, and not before", () => {
  const body = Buffer.concat([whole, whole]);
  for (let length = 0; length < body.length; length++) {
    expect(codeOf(() => checkBody(codecCall(), body.subarray(0, length), false))).toBe("OK");
  }
  expect(codeOf(() => checkBody(codecCall(), body, false))).toBe("Unimplemented");
});

test("any body is answered with a message or with a code that blames the client, but for compression without a name", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), (body) => {
      const code = codeOf(() => decodeEnvelope(codecCall(), Buffer.from(body)));
      if (body[0] === 1 && body.length >= 5) expect(code).toBe("Internal");
      else expect(["OK", "InvalidArgument", "Unimplemented", "ResourceExhausted"]).toContain(code);
    }),
    parameters,
  );
});

test("what is encoded can be decoded, compressed or not, from the threshold on and below it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 990 }), fc.boolean(), async (length, compressed) => {
      const sent = create(EchoResponseSchema, { text: "x".repeat(length) });
      const call = codecCall({ acceptedCompressions: compressed ? "gzip" : "identity" });
      const encoded = await encodeEnvelope(call, sent);
      const isCompressed = compressed && toBinary(EchoResponseSchema, sent).length >= 100;
      expect(encoded.encoding).toBe(isCompressed ? "gzip" : undefined);
      expect(encoded.bytes[0]).toBe(isCompressed ? 1 : 0);
      const received = codecCall({ requestCompression: encoded.encoding === undefined ? undefined : gzip });
      const decoded = await decodeEnvelope(received, Buffer.from(encoded.bytes));
      // Echo's request and response are alike on the wire.
      expect(decoded).toMatchObject({ text: sent.text });
    }),
    { ...parameters, numRuns: 100 },
  );
});

test("a compressed message is decompressed, a message without the flag is taken as it is", async () => {
  const call = codecCall({ requestCompression: gzip });
  const compressed = await gzip?.compress(bytes);
  const decoded = await decodeEnvelope(call, envelope(1, compressed ?? Buffer.alloc(0)));
  expect(equals(EchoRequestSchema, decoded as typeof message, message)).toBe(true);
  expect(await decodeEnvelope(call, whole)).toEqual(message);
});

test("a compressed message whose compression is not done at once is waited for", async () => {
  const slow = { ...compressions[1], name: "slow", compressSync: undefined, decompressSync: undefined } as never;
  const call = codecCall({ requestCompression: slow });
  const compressed = await compressions[1]?.compress(bytes);
  await expect(decodeEnvelope(call, envelope(1, compressed ?? Buffer.alloc(0)))).resolves.toEqual(message);
});

test("a message that is larger than the limit once decompressed is RESOURCE_EXHAUSTED", async () => {
  const call = codecCall({ requestCompression: gzip });
  const bomb = (await gzip?.compress(new Uint8Array(100_000))) ?? Buffer.alloc(0);
  expect(codeOf(() => decodeEnvelope(call, envelope(1, bomb)))).toBe("ResourceExhausted");
});
