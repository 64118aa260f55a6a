import { Code, ConnectError } from "@connectrpc/connect";
import { parseGrpcTimeout } from "@grpc-service-template/rpc-server/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readTimeoutMs } from "./timeout.ts";

function read(headers: Readonly<Record<string, string>>): number | undefined {
  return readTimeoutMs({ lookup: (name) => headers[name] ?? null }, parseGrpcTimeout);
}

test.each([
  [{}, undefined],
  [{ "grpc-timeout": "2S" }, 2_000],
  [{ "x-server-timeout": "2" }, 2_000],
  [{ "x-server-timeout": "0.25" }, 250],
  [{ "x-server-timeout": "0" }, 0],
  [{ "x-server-timeout": "9999999999" }, 9_999_999_999_000],
  [{ "grpc-timeout": "2S", "x-server-timeout": "3" }, 2_000],
  [{ "grpc-timeout": "4S", "x-server-timeout": "3" }, 3_000],
  [{ prefer: "wait=1", "connect-timeout-ms": "1" }, undefined],
])("%j is %s ms", (headers, expected) => {
  expect(read(headers)).toBe(expected);
});

test.each(["", "-1", "+1", "1s", ".5", "1.", "1e3", " 1", "1, 1", "0x1", "NaN", "Infinity", "12345678901"])(
  "x-server-timeout: %j is refused by the header's name",
  (value) => {
    expect(() => read({ "x-server-timeout": value })).toThrow("[invalid_argument] invalid x-server-timeout: expected");
  },
);

test("a malformed one is refused beside a good one", () => {
  expect(() => read({ "grpc-timeout": "1", "x-server-timeout": "1" })).toThrow("invalid grpc-timeout");
  expect(() => read({ "grpc-timeout": "1S", "x-server-timeout": "x" })).toThrow("invalid x-server-timeout");
});

test("any value is a time or INVALID_ARGUMENT", () => {
  const check = (value: string) => {
    try {
      expect(read({ "x-server-timeout": value })).toBeGreaterThanOrEqual(0);
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      expect(error.code).toBe(Code.InvalidArgument);
    }
  };
  const texts = fc.oneof(fc.string(), fc.double().map(String), fc.stringMatching(/^[\d.e-]{0,12}$/));
  fc.assert(fc.property(texts, check), { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 20261121 });
});
