import type { ListValue, Struct, Value } from "@bufbuild/protobuf/wkt";
import { number, quote } from "./json-scalars.ts";

/** A google.protobuf.Struct as protobuf-es keeps it in fields, a JsonObject; what is none is an empty one. */
export function writeJsonObject(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "{}";
  const members = Object.entries(value).map(([name, each]) => `${quote(name)}:${writeJsonValue(each)}`);
  return `{${members.join(",")}}`;
}

function writeJsonValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      return writeNumber(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      // Array.from, since holes are values here.
      return Array.isArray(value) ? `[${Array.from(value, writeJsonValue).join(",")}]` : writeJsonObject(value);
    default:
      throw new Error(`cannot encode google.protobuf.Struct to JSON: it holds a ${typeof value}`);
  }
}

/** A google.protobuf.Struct that is kept as a message. */
export function writeStruct(struct: Struct): string {
  const members = Object.entries(struct.fields).map(([name, each]) => `${quote(name)}:${writeValue(each)}`);
  return `{${members.join(",")}}`;
}

/** Source: google/protobuf/struct.proto, Value: one without a kind, and numbers that JSON does not have, are errors. */
export function writeValue({ kind }: Value): string {
  switch (kind.case) {
    case "nullValue":
      return "null";
    case "numberValue":
      return writeNumber(kind.value);
    case "boolValue":
    case "stringValue":
      return writeText(kind.value);
    case "structValue":
      return writeStruct(kind.value);
    case "listValue":
      return writeListValue(kind.value);
    default:
      throw new Error("cannot encode google.protobuf.Value to JSON: it must have a value");
  }
}

export function writeListValue({ values }: ListValue): string {
  return `[${values.map(writeValue).join(",")}]`;
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new Error("cannot encode google.protobuf.Value to JSON: it is no finite number");
  return number(value);
}

/** Types do not hold at run time: as protobuf-es, what is there is written. */
function writeText(value: string | boolean): string {
  if (typeof value === "string") return quote(value);
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new Error("cannot encode google.protobuf.Value to JSON: it must have a value");
  return text;
}
