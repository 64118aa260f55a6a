import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { connectionInfo, contextValuesOf } from "./connection-info.ts";

test.each([
  [
    "1.1",
    { remoteAddress: "127.0.0.1", remotePort: 7, remoteFamily: "IPv4" },
    { httpVersion: "1.1", peer: "127.0.0.1:7" },
  ],
  ["2.0", { remoteAddress: "::1", remotePort: 7, remoteFamily: "IPv6" }, { httpVersion: "2", peer: "[::1]:7" }],
  ["1.0", {}, { httpVersion: "1.0", peer: ":0" }],
])("a call over HTTP %s from %j has the connection %j", (httpVersion, socket, expected) => {
  const request = { httpVersion, socket } as IncomingMessage;
  expect(contextValuesOf(request).get(connectionInfo)).toEqual(expected);
});
