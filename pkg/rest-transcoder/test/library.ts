import { createFileRegistry, createRegistry, type DescMessage, fromJson } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_field_mask,
  file_google_protobuf_timestamp,
} from "@bufbuild/protobuf/wkt";
import { field_behavior, file_google_api_field_behavior } from "../src/gen/google/api/field_behavior_pb.ts";
import { file_google_api_httpbody } from "../src/gen/google/api/httpbody_pb.ts";

const OUTPUT_ONLY = { "[google.api.field_behavior]": ["OUTPUT_ONLY"] };

/** As protoc fills it in. */
const jsonName = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const text = (name: string, number: number, options = {}) => ({
  name,
  jsonName: jsonName(name),
  number,
  type: "TYPE_STRING",
  options,
});
const message = (name: string, number: number, typeName: string, options = {}) => ({
  name,
  jsonName: jsonName(name),
  number,
  type: "TYPE_MESSAGE",
  typeName,
  options,
});

/** An API of books, as AIP-134 has updates. */
const file = fromJson(
  FileDescriptorProtoSchema,
  {
    name: "library.proto",
    package: "library.v1",
    syntax: "proto3",
    dependency: [
      "google/api/field_behavior.proto",
      "google/api/httpbody.proto",
      "google/protobuf/field_mask.proto",
      "google/protobuf/timestamp.proto",
    ],
    messageType: [
      {
        name: "Author",
        field: [text("id", 1), text("full_name", 2), text("etag", 3), text("rating", 4, OUTPUT_ONLY)],
      },
      {
        name: "Book",
        field: [
          text("name", 1),
          text("display_title", 2),
          message("author", 3, ".library.v1.Author"),
          { ...text("tags", 4), label: "LABEL_REPEATED" },
          { ...message("labels", 5, ".library.v1.Book.LabelsEntry"), label: "LABEL_REPEATED" },
          message("create_time", 6, ".google.protobuf.Timestamp", OUTPUT_ONLY),
          message("publish_time", 7, ".google.protobuf.Timestamp"),
          text("etag", 8),
        ],
        nestedType: [{ name: "LabelsEntry", field: [text("key", 1), text("value", 2)], options: { mapEntry: true } }],
      },
      {
        name: "UpdateBookRequest",
        field: [
          message("book", 1, ".library.v1.Book"),
          message("update_mask", 2, ".google.protobuf.FieldMask"),
          { name: "allow_missing", jsonName: "allowMissing", number: 3, type: "TYPE_BOOL" },
        ],
      },
      { name: "UploadRequest", field: [text("name", 1), message("file", 2, ".google.api.HttpBody")] },
    ],
  },
  { registry: createRegistry(field_behavior) },
);

const registry = createFileRegistry(file, (name) =>
  [
    file_google_api_field_behavior,
    file_google_api_httpbody,
    file_google_protobuf_field_mask,
    file_google_protobuf_timestamp,
  ].find(({ proto }) => proto.name === name),
);

export const UpdateBookRequestSchema = registry.getMessage("library.v1.UpdateBookRequest") as DescMessage;
export const UploadRequestSchema = registry.getMessage("library.v1.UploadRequest") as DescMessage;
