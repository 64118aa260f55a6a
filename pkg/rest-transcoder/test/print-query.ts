import { type DescField, type DescMessage, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";

const LEAVES = new Set(
  ["Timestamp", "Duration", "FieldMask", "StringValue", "Int64Value"].map((name) => `google.protobuf.${name}`),
);
const NEVER = new Set(["Struct", "Value", "Any"].map((name) => `google.protobuf.${name}`));

/** Whether parameters can set it. */
export function isPrintable({ fieldKind, message }: DescField): boolean {
  if (fieldKind === "map" || (fieldKind === "list" && message !== undefined)) return false;
  return message === undefined || !NEVER.has(message.typeName);
}

/** What parameters can set of a message, as parameters: slow, and written without a look at the reader. */
export function printQuery(desc: DescMessage, message: Message, nameOf: (field: DescField) => string): string {
  return pairsOf(reflect(desc, message), "", nameOf)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
}

function pairsOf(message: ReflectMessage, prefix: string, nameOf: (field: DescField) => string): [string, string][] {
  return message.desc.fields.filter(isPrintable).flatMap((field): [string, string][] => {
    if (!message.isSet(field)) return [];
    const name = `${prefix}${nameOf(field)}`;
    const value: unknown = message.get(field);
    if (isReflectMessage(value) && !LEAVES.has(value.desc.typeName)) return pairsOf(value, `${name}.`, nameOf);
    return texts(field, message).map((text) => [name, text]);
  });
}

/** The JSON of the field alone. */
function texts(field: DescField, message: ReflectMessage): string[] {
  const alone = reflect(message.desc);
  alone.set(field, message.get(field) as never);
  const json = toJson(message.desc, alone.message) as Record<string, JsonValue>;
  return [json[field.jsonName]].flat().map((value) => (value === null ? "NULL_VALUE" : String(value)));
}
