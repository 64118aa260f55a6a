import { expect, it } from "vitest";
import { withPlainSslMode } from "./ssl-mode.ts";

const DATABASE = "postgresql://ada:sslmode=require@db:5432/users";

it.each([
  ["?sslmode=require", "?sslmode=verify-full"],
  ["?a=b&sslmode=prefer&c=d", "?a=b&sslmode=verify-full&c=d"],
  ["?sslmode=verify-ca", "?sslmode=verify-full"],
])("says of %s what pg does: %s", (query, expected) => {
  expect(withPlainSslMode(DATABASE + query)).toBe(DATABASE + expected);
});

it.each(["", "?sslmode=disable", "?sslmode=no-verify", "?sslmode=verify-full", "?uselibpqcompat=true&sslmode=require"])(
  "leaves %j as it is",
  (query) => {
    expect(withPlainSslMode(DATABASE + query)).toBe(DATABASE + query);
  },
);
