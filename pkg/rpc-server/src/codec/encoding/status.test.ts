import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EchoRequestSchema } from "../../../test/gen/echo/v1/echo_service_pb.ts";
import { CallHeaders } from "../../call/call-headers.ts";
import { errorMetadata, statusHeaders } from "./status.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 500), seed: 20261121 };

const statusOf = (error: ConnectError) => new CallHeaders([...statusHeaders(error)]);

test("any message arrives as it is, in visible ASCII; a lone surrogate becomes U+FFFD", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (message) => {
      const headers = statusOf(new ConnectError(message, Code.NotFound));
      expect(headers.get("grpc-status")).toBe("5");
      expect(headers.get("grpc-message") ?? "").toMatch(/^[ -~]*$/);
      expect(decodeURIComponent(headers.get("grpc-message") ?? "")).toBe(message.toWellFormed());
    }),
    parameters,
  );
});

test("details are google.rpc.Status in base64; one that cannot be encoded costs the details, not the status", () => {
  const error = new ConnectError("m", Code.Aborted, undefined, [
    { desc: EchoRequestSchema, value: { text: "detail" } },
  ]);
  expect(statusOf(error).get("grpc-status-details-bin")).toMatch(/^[A-Za-z0-9+/=]+$/);
  const broken = new ConnectError("m", Code.Aborted, undefined, [
    { desc: EchoRequestSchema, value: { text: Object.create(null) } },
  ]);
  expect(statusOf(broken).flat()).toEqual(["grpc-status", "10", "grpc-message", "m"]);
});

test("the error itself stays as it was", () => {
  const error = new ConnectError("m", Code.Aborted, { "x-meta": "1" });
  const before = [...error.metadata];
  statusHeaders(error);
  expect([...error.metadata]).toEqual(before);
  expect(statusOf(error).has("x-meta")).toBe(false);
});

test("an error's metadata goes along, but not what another server has sent", () => {
  const error = new ConnectError("m", Code.Aborted, [
    ["x-a", "1"],
    ["set-cookie", "2"],
    ["set-cookie", "3"],
  ]);
  expect(errorMetadata(error).flat()).toEqual(["set-cookie", "2", "set-cookie", "3", "x-a", "1"]);
  Object.assign(error, { isWireError: true });
  expect(errorMetadata(error).flat()).toEqual([]);
});
