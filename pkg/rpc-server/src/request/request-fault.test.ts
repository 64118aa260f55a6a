import fc from "fast-check";
import { expect, test } from "vitest";
import { findRequestFault, type RequestTarget } from "./request-fault.ts";

const numRuns = Number(process.env.FUZZ_RUNS ?? 500);

function requestOf(target: string, ...hosts: string[]): RequestTarget {
  return { method: "POST", target, host: hosts.length === 1 ? hosts[0] : undefined, namesHost: hosts.length > 0 };
}

test.each([
  [requestOf("/a", "a"), undefined],
  [requestOf("/a?b=%00", "a:1"), undefined],
  [requestOf("*", "a"), "the request target must be a path"],
  [requestOf("", "a"), "the request target must be a path"],
  [requestOf("/a b", "a"), "the request target must be a path"],
  [requestOf("/a"), "the request must name a host"],
  [requestOf("/a", "a", "b"), "the request must name one host only"],
  [requestOf("/a", "a@b"), "the request's host is not valid"],
  [requestOf("/a", ""), "the request's host is not valid"],
])("names the fault, row %#", (request, fault) => {
  expect(findRequestFault(request)).toBe(fault);
});

test("what passes makes a URL of that host, whatever the host and the target", () => {
  const hostChars = fc.string({ unit: fc.constantFrom(..."aZ0.-_:[]%@/\\?# !~xn"), maxLength: 12 });
  let passed = 0;
  fc.assert(
    fc.property(fc.oneof(hostChars, fc.webAuthority(), fc.string()), fc.string(), (host, tail) => {
      const path = `/echo${tail}`;
      if (findRequestFault(requestOf(path, host)) !== undefined) return;
      passed++;
      const url = new URL(path, `http://${host}`);
      expect(url).toMatchObject({ username: "", password: "", hash: "" });
      expect(url.host).toBe(new URL(`http://${host}`).host);
    }),
    { numRuns, seed: 20261120 },
  );
  expect(passed).toBeGreaterThan(numRuns / 20);
});
