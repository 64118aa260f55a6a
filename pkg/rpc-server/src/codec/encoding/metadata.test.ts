import { expect, test } from "vitest";
import { CallHeaders } from "../../call/call-headers.ts";
import { codecCall } from "../codec-call.fixture.ts";
import { addTrailers, appendMetadata } from "./metadata.ts";

const RESERVED = [
  "content-type",
  "content-length",
  "content-encoding",
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
  "grpc-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "host",
];

test("headers of a handler are appended in order, several of a name and under a prefix too", () => {
  const head = [":status", "200"];
  appendMetadata(codecCall(), head, new CallHeaders(["b", "1", "a", "2", "b", "3"]), "trailer-");
  expect(head).toEqual([":status", "200", "trailer-b", "1", "trailer-a", "2", "trailer-b", "3"]);
});

test.each(RESERVED)("%s of a handler is left out, without a word", (name) => {
  const call = codecCall();
  const metadata = new CallHeaders([name, "1", "x-ok", "2"]);
  const head: string[] = [];
  appendMetadata(call, head, metadata);
  const trailers = {};
  addTrailers(call, trailers, metadata);
  expect([head, trailers, call.reported]).toEqual([["x-ok", "2"], { "x-ok": "2" }, []]);
});

// What is built from a list is not checked, and what CallHeaders refuses is not all that HTTP cannot carry.
test.each(["a\nb", "a\0", "\x01", "\x7f", "\u0100", "€"])("the value %j is left out and reported", (value) => {
  const call = codecCall();
  const metadata = new CallHeaders(["x-bad", value, "x-ok", "\xe9\t"]);
  const head: string[] = [];
  appendMetadata(call, head, metadata);
  const trailers = {};
  addTrailers(call, trailers, metadata);
  expect(head).toEqual(["x-ok", "\xe9\t"]);
  expect(trailers).toEqual({ "x-ok": "\xe9\t" });
  expect(call.reported).toEqual(["x-bad", "x-bad"]);
});

test("several trailers of a name are a list", () => {
  const trailers = Object.create(null);
  addTrailers(codecCall(), trailers, new CallHeaders(["a", "1", "a", "2", "a", "3", "__proto__", "4"]));
  expect(Object.entries(trailers)).toEqual([
    ["a", ["1", "2", "3"]],
    ["__proto__", "4"],
  ]);
});
