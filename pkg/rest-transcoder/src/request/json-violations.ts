import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonReadOptions,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import { MAX_VIOLATIONS, printable, type Violation } from "./bad-request.ts";
import { joinNames } from "./field-path.ts";
import { fieldsByName } from "./message-fields.ts";
import { textTypeOf } from "./text-type.ts";

/**
 * What is wrong with JSON that protobuf-es did not take, by fields. It says one thing at a time, quotes values and knows no paths. Looks at
 * each value once, until it has found enough: only what is no message of ours is read again, alone.
 */
export function findJsonViolations(desc: DescMessage, json: JsonValue, options: Partial<JsonReadOptions>): Violation[] {
  if (hasCustomJsonRepresentation(desc)) return [];
  const violations: Violation[] = [];
  const isEnough = () => violations.length >= MAX_VIOLATIONS;
  const add = (field: string, description: string) => {
    violations.push({ field, description });
  };

  const visitMessage = (message: DescMessage, value: JsonValue, path: string) => {
    if (!isObject(value)) return add(path || message.typeName, "must be a JSON object");
    const seen = new Set<DescField>();
    const fields = fieldsByName(message);
    for (const name of Object.keys(value)) {
      if (isEnough()) return;
      const member = value[name] as JsonValue;
      const field = fields.get(name);
      if (field === undefined) {
        if (options.ignoreUnknownFields !== true && !isExtension(name))
          add(joinNames(path, printable(name)), "unknown field");
      } else if (seen.has(field)) add(joinNames(path, field.name), "is set twice, by each of its names");
      else visitField(field, member, joinNames(path, field.name));
      if (field !== undefined) seen.add(field);
    }
    for (const { name, fields: members } of message.oneofs) {
      const set = members.filter((field) => seen.has(field) && isSet(field, value));
      if (set.length > 1)
        add(joinNames(path, name), `can have only one of ${set.map((field) => field.name).join(" and ")}`);
    }
  };

  const visitField = (field: DescField, value: JsonValue, path: string) => {
    const { message } = field;
    if (isPlainly(field, value)) return;
    if (message === undefined || hasCustomJsonRepresentation(message) || value === null)
      return visitLeaf(field, value, path);
    if (field.fieldKind === "message") return visitMessage(message, value, path);
    if (field.fieldKind === "list" && Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        if (isEnough()) return;
        visitMessage(message, item, `${path}[${index}]`);
      }
    } else if (field.fieldKind === "map" && isObject(value)) {
      const keys = Object.keys(value);
      if (field.mapKey !== ScalarType.STRING) visitLeaf(field, Object.fromEntries(keys.map((key) => [key, {}])), path);
      for (const key of keys) {
        if (isEnough()) return;
        visitMessage(message, value[key] as JsonValue, `${path}[${printable(key)}]`);
      }
    } else add(path, expectedOf(field));
  };

  const visitLeaf = (field: DescField, value: JsonValue, path: string) => {
    try {
      fromJson(field.parent, { [field.jsonName]: value }, options);
    } catch {
      add(path, expectedOf(field));
    }
  };

  visitMessage(desc, json, "");
  return violations;
}

function isObject(json: JsonValue): json is { [name: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function isExtension(name: string): boolean {
  return name.startsWith("[") && name.endsWith("]");
}

/** Null does not count for scalars in protobuf-es, and may for messages; two of which one is null are no reason to complain here. */
function isSet({ name, jsonName }: DescField, json: { [name: string]: JsonValue }): boolean {
  return (json[name] ?? json[jsonName] ?? null) !== null;
}

/** Most of what is right, without reading it again. */
function isPlainly({ fieldKind, scalar }: DescField, value: JsonValue): boolean {
  if (fieldKind !== "scalar") return false;
  return scalar === ScalarType.STRING
    ? typeof value === "string"
    : scalar === ScalarType.BOOL && typeof value === "boolean";
}

function expectedOf(field: DescField): string {
  if (field.fieldKind === "list") return "must be a JSON array of the field's type";
  if (field.fieldKind === "map") return "must be a JSON object with keys and values of the field's types";
  return textTypeOf(field)?.expected ?? `must be the JSON form of ${field.message?.typeName}`;
}
