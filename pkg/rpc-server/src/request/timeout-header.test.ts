import { expect, test } from "vitest";
import { dropEndlessTimeout } from "./timeout-header.ts";

test.each([
  ["grpc-timeout", "99999999H", null],
  ["grpc-timeout", "597H", null],
  ["grpc-timeout", "596H", "596H"],
  ["grpc-timeout", "2147484S", null],
  ["grpc-timeout", "2147483S", "2147483S"],
  ["grpc-timeout", "99999M", null],
  ["grpc-timeout", "99999999m", "99999999m"],
  ["grpc-timeout", "99999999u", "99999999u"],
  ["grpc-timeout", "99999999n", "99999999n"],
  ["grpc-timeout", "999999999H", "999999999H"],
  ["grpc-timeout", "soon", "soon"],
  ["connect-timeout-ms", "2147483648", null],
  ["connect-timeout-ms", "2147483647", "2147483647"],
  ["connect-timeout-ms", "soon", "soon"],
])("%s: %s becomes %j", (name, value, left) => {
  const headers = new Headers({ [name]: value });
  dropEndlessTimeout(headers);
  expect(headers.get(name)).toBe(left);
});
