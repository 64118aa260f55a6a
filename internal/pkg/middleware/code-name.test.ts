import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { codeName } from "./code-name.ts";

test("no error is called OK, and errors as in grpc-go", () => {
  expect(codeName(undefined)).toBe("OK");
  expect(codeName(Code.Canceled)).toBe("Canceled");
  expect(codeName(Code.InvalidArgument)).toBe("InvalidArgument");
  expect(codeName(Code.Unauthenticated)).toBe("Unauthenticated");
});
