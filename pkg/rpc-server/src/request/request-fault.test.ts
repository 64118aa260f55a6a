import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { findRequestFault } from "./request-fault.ts";

const numRuns = Number(process.env.FUZZ_RUNS ?? 500);

function requestOf(url: string, ...rawHeaders: string[]): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { method: "POST", url, rawHeaders });
}

test.each([
  [requestOf("/a", "Host", "a"), undefined],
  [requestOf("/a?b=%00", ":authority", "a:1"), undefined],
  [requestOf("/a", ":authority", "a", "host", "A"), undefined],
  [requestOf("*", "Host", "a"), "the request target must be a path"],
  [requestOf("", "Host", "a"), "the request target must be a path"],
  [requestOf("/a b", "Host", "a"), "the request target must be a path"],
  [requestOf("/a"), "the request must name a host"],
  [requestOf("/a", "Host", "a", "HOST", "a"), "the request must name one host only"],
  [requestOf("/a", ":authority", "a", "host", "b"), "the request must name one host only"],
  [requestOf("/a", "Host", "a@b"), "the request's host is not valid"],
  [requestOf("/a", "Host", ""), "the request's host is not valid"],
])("names the fault, row %#", (request, fault) => {
  expect(findRequestFault(request)).toBe(fault);
});

test("what passes makes a URL of that host, whatever the host and the target", () => {
  const hostChars = fc.string({ unit: fc.constantFrom(..."aZ0.-_:[]%@/\\?# !~xn"), maxLength: 12 });
  let passed = 0;
  fc.assert(
    fc.property(fc.oneof(hostChars, fc.webAuthority(), fc.string()), fc.string(), (host, tail) => {
      const path = `/echo${tail}`;
      if (findRequestFault(requestOf(path, "Host", host)) !== undefined) return;
      passed++;
      const url = new URL(path, `http://${host}`);
      expect(url).toMatchObject({ username: "", password: "", hash: "" });
      expect(url.host).toBe(new URL(`http://${host}`).host);
    }),
    { numRuns, seed: 20261120 },
  );
  expect(passed).toBeGreaterThan(numRuns / 20);
});
