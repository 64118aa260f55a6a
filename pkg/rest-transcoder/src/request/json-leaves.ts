import type { DescField, DescMessage, JsonValue, Registry } from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { fieldsByName } from "./message-fields.ts";

/** A scalar or an enum of the JSON, an item of a list or a map included. The way to it is made only when it is asked for. */
export type LeafCheck = (field: DescField, value: JsonValue, path: () => string) => boolean;

/**
 * Whether the check holds for every leaf of JSON that protobuf-es has read, with the fields that they belong to; the first that fails ends
 * it. Goes into wrappers and into google.protobuf.Any of a type in the registry; null, unknown names and extensions are no leaves.
 */
export function everyLeaf(
  desc: DescMessage,
  json: JsonValue,
  registry: Registry | undefined,
  check: LeafCheck,
): boolean {
  const way: string[] = [];
  const path = () => way.join("").slice(1);

  const inMessage = (message: DescMessage, value: JsonValue): boolean => {
    if (isWrapperDesc(message)) return inValue(message.fields[0] as DescField, value);
    if (!isObject(value)) return true;
    if (message.typeName === "google.protobuf.Any") return inAny(value);
    if (hasCustomJsonRepresentation(message)) return true;
    const fields = fieldsByName(message);
    return Object.keys(value).every((name) => {
      const field = fields.get(name);
      return field === undefined || within(`.${field.name}`, () => inField(field, value[name] as JsonValue));
    });
  };

  const inAny = (any: JsonObject): boolean => {
    const type = String(any["@type"]);
    const message = registry?.getMessage(type.slice(type.lastIndexOf("/") + 1));
    if (message === undefined) return true;
    return inMessage(message, hasCustomJsonRepresentation(message) ? (any.value ?? null) : any);
  };

  const inField = (field: DescField, value: JsonValue): boolean => {
    if (field.fieldKind === "list" && Array.isArray(value)) {
      return value.every((item, index) => within(`[${index}]`, () => inValue(field, item)));
    }
    if (field.fieldKind === "map" && isObject(value)) {
      return Object.keys(value).every((key) => within("[…]", () => inValue(field, value[key] as JsonValue)));
    }
    return inValue(field, value);
  };

  const inValue = (field: DescField, value: JsonValue): boolean => {
    if (value === null) return true;
    return field.message === undefined ? check(field, value, path) : inMessage(field.message, value);
  };

  const within = (step: string, visit: () => boolean): boolean => {
    way.push(step);
    const holds = visit();
    way.pop();
    return holds;
  };

  return inMessage(desc, json);
}

interface JsonObject {
  [name: string]: JsonValue;
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
