import { createRegistry, fromJsonString } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { KindsSchema, RareSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
import { readerOf, violationsOf } from "../../test/request-of.ts";

const registry = createRegistry(KindsSchema);
const kinds = readerOf(KindsSchema, { body: "*" });
const rare = readerOf(RareSchema, { body: "*" }, { registry });

const LARGE = "9007199254740993";
const SAFE = "9007199254740991";

describe("a JSON number for a 64-bit integer", () => {
  test.each([
    [`{"anInt64":${LARGE}}`, "an_int64"],
    [`{"anInt64":-${LARGE}}`, "an_int64"],
    [`{"anInt64":9007199254740992}`, "an_int64"],
    [`{"anInt64":9e18}`, "an_int64"],
    [`{"a_text_int64":9007199254740.993E+3}`, "a_text_int64"],
    [`{"oneInt64":${LARGE}}`, "one_int64"],
    [`{"sint64s":[1,${LARGE}]}`, "sint64s[1]"],
    [`{"itself":{"kinds":[{"aFixed64":${LARGE}}]}}`, "itself.kinds[0].a_fixed64"],
    [`{"byInt32":{"1":{"aUint64":${LARGE}}}}`, "by_int32[…].a_uint64"],
    [`{"rare":{"uint64Values":[${LARGE}]}}`, "rare.uint64_values[0]"],
  ])("is refused when it may have been rounded: %s", (body, path) => {
    expect(violationsOf(() => kinds({ body }))).toEqual([`${path}: is too large for a JSON number: send it as text`]);
  });

  test("is refused in a google.protobuf.Any too", () => {
    const body = `{"anAny":{"@type":"type.googleapis.com/kinds.v1.Kinds","anInt64":${LARGE}}}`;
    expect(violationsOf(() => rare({ body }))).toHaveLength(1);
  });

  test("that is the body is refused", () => {
    const read = readerOf(KindsSchema, { body: "an_int64" });
    expect(violationsOf(() => read({ body: LARGE }))).toEqual([
      "an_int64: is too large for a JSON number: send it as text",
    ]);
  });

  test("is refused in all its fields, up to a hundred", () => {
    expect(violationsOf(() => kinds({ body: `{"sint64s":[${Array(300).fill(LARGE).join(",")}]}` }))).toHaveLength(100);
  });
});

describe("not refused is", () => {
  test.each([
    `{"anInt64":${SAFE},"aUint64":1e3,"sint64s":[-${SAFE}]}`,
    `{"anInt64":"${LARGE}","aString":"${LARGE}"}`,
    `{"aDouble":${LARGE},"doubles":[1e300],"anInt64":1}`,
    `{"rare":{"aStruct":{"a":${LARGE}},"aValue":${LARGE},"anInt64Value":"${LARGE}","aDoubleValue":${LARGE}}}`,
  ])("what is exact or no such integer: %s", (body) => {
    expect(kinds({ body })).toEqual(fromJsonString(KindsSchema, body));
  });

  test("a number of a message without such integers", () => {
    const body = `{"a":${LARGE}}`;
    expect(readerOf(StructSchema, { body: "*" })({ body })).toEqual(fromJsonString(StructSchema, body));
  });
});
