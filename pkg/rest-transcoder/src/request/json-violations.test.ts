import type { JsonValue } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { KindsSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
import { findJsonViolations } from "./json-violations.ts";

const MANY = 5_000;

test.each<[string, (item: JsonValue) => JsonValue]>([
  ["a list", (item) => ({ kinds: Array(MANY).fill(item) })],
  ["lists within a list", (item) => ({ kinds: Array(MANY).fill({ kinds: [item] }) })],
  ["a map", (item) => ({ byInt32: Object.fromEntries(Array.from({ length: MANY }, (_, key) => [key, item])) })],
])("looks at no more items of %s than are reported", (_what, holding) => {
  let looks = 0;
  const counting = {
    get nope() {
      looks++;
      return 1;
    },
  };
  for (const item of [counting, 1]) expect(findJsonViolations(KindsSchema, holding(item), {})).toHaveLength(100);
  expect(looks).toBe(100);
});

test("finds what is wrong behind many that are right", () => {
  const right = Array<JsonValue>(MANY).fill({ aString: "x", aBool: true });
  expect(findJsonViolations(KindsSchema, { kinds: [...right, { aString: 1, aBool: "x" }] }, {})).toEqual([
    { field: `kinds[${MANY}].a_string`, description: "must be a string" },
    { field: `kinds[${MANY}].a_bool`, description: "must be true or false" },
  ]);
});
