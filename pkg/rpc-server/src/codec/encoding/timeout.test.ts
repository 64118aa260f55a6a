import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseConnectTimeout, parseGrpcTimeout } from "./timeout.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 500), seed: 20261121 };
const anyText = fc.string({ unit: fc.constantFrom(..."0123456789HMSmun .-+e\u0664\n"), maxLength: 12 });

test("no header is no timeout", () => {
  expect([parseGrpcTimeout(null), parseConnectTimeout(null)]).toEqual([undefined, undefined]);
});

test.each([
  ["1H", 3_600_000],
  ["2M", 120_000],
  ["3S", 3_000],
  ["4m", 4],
  ["5u", 0.005],
  ["6n", 0.000006],
  ["0m", 0],
  ["99999999H", 99_999_999 * 3_600_000],
])("grpc-timeout %s is %d ms", (header, expected) => {
  expect(parseGrpcTimeout(header)).toBeCloseTo(expected, 9);
});

test("grpc-timeout is 1 to 8 digits and a unit; all else is INVALID_ARGUMENT and named", () => {
  fc.assert(
    fc.property(anyText, (header) => {
      if (/^[0-9]{1,8}[HMSmun](?!\n)$/.test(header)) expect(parseGrpcTimeout(header)).toBeGreaterThanOrEqual(0);
      else expect(() => parseGrpcTimeout(header)).toThrow(expect.objectContaining({ code: Code.InvalidArgument }));
    }),
    parameters,
  );
  expect(() => parseGrpcTimeout("tomorrow")).toThrow(
    /^\[invalid_argument\] invalid grpc-timeout: expected 1 to 8 digits/,
  );
});

test("connect-timeout-ms is 1 to 10 digits; all else is INVALID_ARGUMENT and named", () => {
  fc.assert(
    fc.property(anyText, (header) => {
      if (/^[0-9]{1,10}(?!\n)$/.test(header)) expect(parseConnectTimeout(header)).toBe(Number(header));
      else expect(() => parseConnectTimeout(header)).toThrow(expect.objectContaining({ code: Code.InvalidArgument }));
    }),
    parameters,
  );
  expect(parseConnectTimeout("9999999999")).toBe(9_999_999_999);
  expect(() => parseConnectTimeout("-1")).toThrow(
    /^\[invalid_argument\] invalid connect-timeout-ms: expected 1 to 10 digits$/,
  );
});

test("of a long header the error repeats only the beginning", () => {
  expect(() => parseGrpcTimeout("9".repeat(10_000))).toThrow(
    expect.objectContaining({ rawMessage: expect.stringMatching(/^.{1,200}$/) }),
  );
});
