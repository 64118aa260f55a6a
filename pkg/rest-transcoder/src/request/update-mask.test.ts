import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { UpdateBookRequestSchema, UploadRequestSchema } from "../../test/library.ts";
import { type Rule, readerOf } from "../../test/request-of.ts";
import type { RequestOptions } from "./request-reader.ts";

const PATCH: Rule = { httpMethod: "PATCH", body: "book", variables: ["book.name"] };

interface Request {
  readonly updateMask?: string;
}

/** The mask that a request has, in JSON's names. */
function maskOf(body: JsonValue | undefined, query = "", rule = PATCH, options: Partial<RequestOptions> = {}) {
  const read = readerOf(UpdateBookRequestSchema, rule, options);
  const values = rule.variables?.map(() => "books/1") ?? [];
  const message = read({ values, query, ...(body !== undefined && { body: JSON.stringify(body) }) });
  return (toJson(UpdateBookRequestSchema, message) as Request).updateMask;
}

describe("a PATCH without a mask gets", () => {
  test.each<[string, JsonValue, string | undefined]>([
    ["the fields in the body, in their order", { tags: [], displayTitle: "x" }, "tags,displayTitle"],
    ["fields by their names in the proto too", { display_title: "x" }, "displayTitle"],
    ["fields that have their default", { displayTitle: "" }, "displayTitle"],
    ["fields that are to be cleared", { displayTitle: null, author: null, labels: null }, "displayTitle,author,labels"],
    ["nested fields", { author: { fullName: "x", id: "y" } }, "author.fullName,author.id"],
    ["a message that is empty as a whole", { author: {} }, "author"],
    [
      "maps, lists and well-known types as a whole",
      { labels: { a: "b" }, tags: ["x"], publishTime: "2026-01-01T00:00:00Z" },
      "labels,tags,publishTime",
    ],
    ["not what the path has", { name: "books/1", tags: [] }, "tags"],
    ["not what is output only", { createTime: "2026-01-01T00:00:00Z", tags: [], author: { rating: "1" } }, "tags"],
    ["not the body's etag", { etag: "x", tags: [] }, "tags"],
    ["an etag of something else", { author: { etag: "x" } }, "author.etag"],
    ["none when nothing is left", { name: "books/1", etag: "x" }, undefined],
    ["none when the body is an empty object", {}, undefined],
    ["none when the body is null", null, undefined],
  ])("%s", (_what, body, expected) => {
    expect(maskOf(body)).toBe(expected);
  });

  test("none when there is no body", () => {
    expect(maskOf(undefined)).toBeUndefined();
  });

  test("no unknown fields", () => {
    expect(maskOf({ nope: 1, tags: [], author: { nope: 1 } }, "", PATCH, { ignoreUnknownFields: true })).toBe("tags");
  });

  test("the etag when the option names another field", () => {
    expect(maskOf({ etag: "x", tags: [] }, "", PATCH, { etagField: "revision" })).toBe("etag,tags");
  });
});

describe("a request keeps its mask", () => {
  test("when a parameter sets it", () => {
    expect(maskOf({ tags: [], etag: "x" }, "update_mask=display_title")).toBe("displayTitle");
    expect(maskOf({ tags: [] }, "updateMask=")).toBe("");
  });

  test.each<[string, Rule]>([
    ["when it is no PATCH", { ...PATCH, httpMethod: "PUT" }],
    ["when its body is no message", { ...PATCH, body: "allow_missing" }],
    ["when the mask is the body", { ...PATCH, body: "update_mask" }],
  ])("%s", (_what, rule) => {
    const body = rule.body === "book" ? { tags: [] } : rule.body === "update_mask" ? "tags" : true;
    expect(maskOf(body, "", rule)).toBe(rule.body === "update_mask" ? "tags" : undefined);
  });

  test("when its body is the whole message", () => {
    const rule: Rule = { httpMethod: "PATCH", body: "*" };
    expect(maskOf({ book: { tags: ["x"] } }, "", rule)).toBeUndefined();
    expect(maskOf({ book: { tags: ["x"] }, updateMask: "etag" }, "", rule)).toBe("etag");
  });

  test("when its message has none", () => {
    const read = readerOf(UploadRequestSchema, { httpMethod: "PATCH", body: "name" });
    expect(read({ body: `"x"` })).toEqual(fromJson(UploadRequestSchema, { name: "x" }));
  });
});
