import { type DescField, type DescMessage, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";

const isLeaf = (desc: DescMessage) =>
  isWrapperDesc(desc) || /^google\.protobuf\.(Timestamp|Duration|FieldMask)$/.test(desc.typeName);
const isNever = (desc: DescMessage) => /^google\.protobuf\.(Struct|Value|ListValue|Any)$/.test(desc.typeName);

/** Whether parameters can set it. */
export function isPrintable({ fieldKind, message }: DescField): boolean {
  if (fieldKind === "map" || (fieldKind === "list" && message !== undefined)) return false;
  return message === undefined || !isNever(message);
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
    if (isReflectMessage(value) && !isLeaf(value.desc)) return pairsOf(value, `${name}.`, nameOf);
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
