import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EchoRequestSchema, EchoResponseSchema, EchoService } from "../../../test/gen/echo/v1/echo_service_pb.ts";
import { createJsonFormat, createProtoFormat, type FormatOptions } from "./message-format.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 500), seed: 20261121 };
const OPTIONS: FormatOptions = { writeMaxBytes: 1_000, maxDepth: 10 };
const method = EchoService.method.echo;

function codeOf(work: () => unknown): string {
  try {
    work();
    return "OK";
  } catch (error) {
    return error instanceof ConnectError ? Code[error.code] : "not a ConnectError";
  }
}

describe.each([
  ["proto", createProtoFormat],
  ["json", createJsonFormat],
] as const)("%s", (name, createFormat) => {
  const format = createFormat(method, OPTIONS);

  test("bears its name", () => {
    expect(format.name).toBe(name);
  });

  test("reads what it has written", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 100 }), (text) => {
        // Echo's request and response are alike on the wire.
        expect(format.decode(format.encode(create(EchoResponseSchema, { text })))).toMatchObject({ text });
      }),
      parameters,
    );
  });

  test("reads any bytes as a message, or blames the client with INVALID_ARGUMENT", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(["OK", "InvalidArgument"]).toContain(codeOf(() => format.decode(bytes)));
      }),
      parameters,
    );
  });

  test("writes up to writeMaxBytes, and refuses more", () => {
    const empty = format.encode(create(EchoResponseSchema, { text: "x".repeat(500) })).length - 500;
    const fits = create(EchoResponseSchema, { text: "x".repeat(1_000 - empty) });
    expect(format.encode(fits)).toHaveLength(1_000);
    fits.text += "x";
    expect(codeOf(() => format.encode(fits))).toBe("ResourceExhausted");
  });

  test("a message that cannot be written is INTERNAL, without its contents", () => {
    const bad = create(EchoResponseSchema, { text: Object.create(null) });
    expect(codeOf(() => format.encode(bad))).toBe("Internal");
    expect(() => format.encode(bad)).toThrow(/^\[internal\] the answer cannot be encoded$/);
  });
});

describe("proto", () => {
  const groups = (depth: number) => Buffer.from([...Array(depth).fill(0x7b), ...Array(depth).fill(0x7c)]);

  test("takes what is nested up to maxDepth, in unknown fields too, and refuses deeper", () => {
    const format = createProtoFormat(method, OPTIONS);
    expect(codeOf(() => format.decode(groups(5)))).toBe("OK");
    expect(codeOf(() => format.decode(groups(11)))).toBe("InvalidArgument");
    expect(codeOf(() => format.decode(groups(100_000)))).toBe("InvalidArgument");
  });

  test("a service's own options go first", () => {
    const format = createProtoFormat(method, { ...OPTIONS, binaryOptions: { readUnknownFields: false } });
    expect(format.decode(Buffer.of(0x50, 1))).toEqual(create(EchoRequestSchema));
  });

  test("invalid UTF-8 in a string is INVALID_ARGUMENT", () => {
    const bytes = Buffer.from(toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: "a" })));
    bytes[2] = 0xff;
    expect(codeOf(() => createProtoFormat(method, OPTIONS).decode(bytes))).toBe("InvalidArgument");
  });
});

describe("json", () => {
  const decode = (text: string | Buffer, options = {}) =>
    codeOf(() => createJsonFormat(method, { ...OPTIONS, ...options }).decode(Buffer.from(text)));

  test.each([
    ["an object", "{}", "OK"],
    ["nothing", "", "InvalidArgument"],
    ["half an object", "{", "InvalidArgument"],
    ["an array", "[]", "InvalidArgument"],
    ["null", "null", "InvalidArgument"],
    ["a number for a string", '{"text":1}', "InvalidArgument"],
    ["an unknown field", '{"x":1}', "OK"],
    ["a key twice", '{"text":"a","text":"b"}', "InvalidArgument"],
    ["bytes that are no UTF-8", Buffer.of(0x22, 0xff, 0x22), "InvalidArgument"],
    ["arrays in each other, for a message", "[".repeat(100_000).concat("]".repeat(100_000)), "InvalidArgument"],
    ["arrays in each other, in an unknown field", `{"x":${"[".repeat(10)}${"]".repeat(10)}}`, "InvalidArgument"],
    ["as many as may be", `{"x":${"[".repeat(9)}${"]".repeat(9)}}`, "OK"],
    ["many one after the other", `{"x":[${"[],{},".repeat(100)}0]}`, "OK"],
    ["brackets, braces and quotes in a string", `{"text":"${'[{\\"'.repeat(100)}\\\\"}`, "OK"],
  ])("%s", (_, text, expected) => {
    expect(decode(text)).toBe(expected);
  });

  test("a service may refuse unknown fields", () => {
    expect(decode('{"x":1}', { jsonOptions: { ignoreUnknownFields: false } })).toBe("InvalidArgument");
  });

  test("what an error repeats of the input is short", () => {
    const format = createJsonFormat(method, OPTIONS);
    expect(() => format.decode(Buffer.from(`{"text":[${'"x",'.repeat(10_000)}1]}`))).toThrow(/^.{1,600}$/s);
  });
});
