import { expect, test } from "vitest";
import { formatPeer } from "./connection.ts";

test.each([
  ["127.0.0.1", "IPv4", "127.0.0.1:7"],
  ["::1", "IPv6", "[::1]:7"],
])("a peer at %s, %s, is %s", (address, family, expected) => {
  expect(formatPeer(address, 7, family)).toBe(expected);
});
