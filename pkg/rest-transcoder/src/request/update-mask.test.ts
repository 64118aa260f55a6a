import {
  createFileRegistry,
  createRegistry,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { file_kinds_v1_kinds, KindsSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
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

  test("not what the path sets in a nested message, which stays", () => {
    const rule = { ...PATCH, variables: ["book.author.id"] };
    const read = readerOf(UpdateBookRequestSchema, rule);
    const message = read({ values: ["jane"], body: JSON.stringify({ author: { rating: "1" } }) });
    expect(toJson(UpdateBookRequestSchema, message)).toEqual({ book: { author: { id: "jane" } } });
    expect(maskOf({ author: { fullName: "x" }, tags: [] }, "", rule)).toBe("author.fullName,tags");
    expect(maskOf({ author: {} }, "", rule)).toBe("author");
  });

  test("the etag when the option names another field", () => {
    expect(maskOf({ etag: "x", tags: [] }, "", PATCH, { etagField: "revision" })).toBe("etag,tags");
  });
});

/** Kinds in the place of the book: it has enums in lists, maps and a oneof. */
const UpdateKindsSchema = createFileRegistry(
  fromJson(FileDescriptorProtoSchema, {
    name: "update_kinds.proto",
    package: "kinds.v1",
    syntax: "proto3",
    dependency: [file_kinds_v1_kinds.proto.name, "google/protobuf/field_mask.proto"],
    messageType: [
      {
        name: "UpdateKindsRequest",
        field: [
          { name: "kinds", jsonName: "kinds", number: 1, type: "TYPE_MESSAGE", typeName: ".kinds.v1.Kinds" },
          {
            name: "update_mask",
            jsonName: "updateMask",
            number: 2,
            type: "TYPE_MESSAGE",
            typeName: ".google.protobuf.FieldMask",
          },
        ],
      },
    ],
  }),
  (name) => [file_kinds_v1_kinds, ...file_kinds_v1_kinds.dependencies].find(({ proto }) => proto.name === name),
).getMessage("kinds.v1.UpdateKindsRequest") as DescMessage;

describe("with names of enums that are not known", () => {
  test.each<[string, JsonObject]>([
    ["an enum", { aColour: "NEW" }],
    ["one with presence", { maybeColour: "NEW" }],
    ["one of a oneof", { oneColour: "NEW" }],
    ["a list that would be shorter", { colours: ["COLOUR_RED", "NEW"] }],
    ["a map that would be smaller", { byBool: { true: "COLOUR_RED", false: "NEW" } }],
    ["a list of messages", { kinds: [{ aColour: "NEW", aString: "x" }] }],
    ["a map of messages", { byInt32: { 1: { colours: ["NEW"] } } }],
    ["a message that holds nothing else", { itself: { itself: { aColour: "NEW" } } }],
    ["an Any", { rare: { anAny: { "@type": "type.googleapis.com/kinds.v1.Kinds", aColour: "NEW" } } }],
  ])("%s is neither in the mask nor in the message", (_what, body) => {
    const options = { ignoreUnknownFields: true, registry: createRegistry(KindsSchema) };
    const read = readerOf(UpdateKindsSchema, { httpMethod: "PATCH", body: "kinds" }, options);
    const readJson = (json: JsonObject) => toJson(UpdateKindsSchema, read({ body: JSON.stringify(json) }), options);
    expect(readJson(body)).toEqual({ kinds: {} });
    expect(readJson({ ...body, aString: "x" })).toEqual({ kinds: { aString: "x" }, updateMask: "aString" });
    const known = JSON.parse(JSON.stringify(body).replaceAll("NEW", "COLOUR_GREEN"));
    expect(readJson(known)).toEqual({ kinds: known, updateMask: expect.stringMatching(/./) });
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
