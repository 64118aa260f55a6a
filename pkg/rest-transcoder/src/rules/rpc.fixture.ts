import { createFileRegistry, createRegistry, type DescMethod, fromJson, type JsonValue } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { file_google_api_annotations, http } from "../gen/google/api/annotations_pb.ts";
import { file_google_api_http } from "../gen/google/api/http_pb.ts";

const IMPORTS = [
  file_google_protobuf_timestamp,
  file_google_protobuf_struct,
  file_google_protobuf_wrappers,
  file_google_protobuf_descriptor,
  file_google_api_http,
  file_google_api_annotations,
];

const field = (name: string, number: number, type: string, more: object = {}) => ({
  name,
  number,
  type: type.startsWith(".") ? "TYPE_MESSAGE" : type,
  label: "LABEL_OPTIONAL",
  ...(type.startsWith(".") ? { typeName: type } : {}),
  ...more,
});

const MESSAGES = [
  {
    name: "Request",
    field: [
      field("id", 1, "TYPE_STRING"),
      field("number", 2, "TYPE_INT64"),
      field("user", 3, ".test.v1.User"),
      field("tags", 4, "TYPE_STRING", { label: "LABEL_REPEATED" }),
      field("users", 5, ".test.v1.User", { label: "LABEL_REPEATED" }),
      field("labels", 6, ".test.v1.Request.LabelsEntry", { label: "LABEL_REPEATED" }),
      field("at", 7, ".google.protobuf.Timestamp"),
      field("wrapped", 8, ".google.protobuf.StringValue"),
      field("any_value", 9, ".google.protobuf.Value"),
      field("left", 10, "TYPE_STRING", { oneofIndex: 0 }),
      field("right", 11, ".test.v1.User", { oneofIndex: 0 }),
      field("maybe", 12, "TYPE_STRING", { proto3Optional: true, oneofIndex: 1 }),
      field("perhaps", 13, "TYPE_STRING", { proto3Optional: true, oneofIndex: 2 }),
    ],
    oneofDecl: [{ name: "side" }, { name: "_maybe" }, { name: "_perhaps" }],
    nestedType: [
      {
        name: "LabelsEntry",
        field: [field("key", 1, "TYPE_STRING"), field("value", 2, "TYPE_STRING")],
        options: { mapEntry: true },
      },
    ],
  },
  { name: "User", field: [field("id", 1, "TYPE_STRING"), field("parent", 2, ".test.v1.User")] },
];

/** RPCs of `test.v1.TestService`, each with its annotation (the JSON of a HttpRule), or without. */
export function createRpcs(rules: Readonly<Record<string, JsonValue | undefined>>): DescMethod[] {
  const methods = Object.entries(rules).map(([name, rule]) => ({
    name,
    inputType: ".test.v1.Request",
    outputType: ".test.v1.User",
    ...(rule === undefined ? {} : { options: { "[google.api.http]": rule } }),
  }));
  const json: JsonValue = {
    name: "test/v1/test.proto",
    package: "test.v1",
    syntax: "proto3",
    dependency: IMPORTS.map(({ proto }) => proto.name),
    messageType: MESSAGES,
    service: [{ name: "TestService", method: methods }],
  };
  const file = fromJson(FileDescriptorProtoSchema, json, { registry: createRegistry(http) });
  const registry = createFileRegistry(file, (path) => IMPORTS.find(({ proto }) => proto.name === path));
  return registry.getService("test.v1.TestService")?.methods ?? [];
}
