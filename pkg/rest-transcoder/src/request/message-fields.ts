import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";

/** A message by the names that its fields have in TypeScript. */
type Fields = Record<string, unknown>;

interface OneofValue {
  readonly case: string | undefined;
  readonly value?: unknown;
}

const byName = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** The fields by both of their names, that of the proto and that of JSON. Maps have no `__proto__` and `constructor`. */
export function fieldsByName(desc: DescMessage): ReadonlyMap<string, DescField> {
  let fields = byName.get(desc);
  if (fields === undefined) {
    // As protobuf-es has it when one field's name is another's in JSON: the later one wins.
    fields = new Map(
      desc.fields.flatMap((field) => [field.name, field.jsonName].map((name) => [name, field] as const)),
    );
    byName.set(desc, fields);
  }
  return fields;
}

/** `user.id` */
export function pathName(path: readonly DescField[]): string {
  return path.map(({ name }) => name).join(".");
}

/** The field's value; undefined when it has presence and is not set, or when another one of its oneof is. */
export function getField(message: Message, { oneof, localName }: DescField): unknown {
  const fields = message as unknown as Fields;
  if (oneof === undefined) return Object.hasOwn(fields, localName) ? fields[localName] : undefined;
  const one = fields[oneof.localName] as OneofValue;
  return one.case === localName ? one.value : undefined;
}

/** Sets a singular field, or adds to a list. The oneof must be free: see findRival. */
export function setField(message: Message, field: DescField, value: unknown): void {
  const fields = message as unknown as Fields;
  const { oneof, localName, fieldKind } = field;
  if (oneof !== undefined) fields[oneof.localName] = { case: localName, value };
  else if (fieldKind === "list") (fields[localName] as unknown[]).push(value);
  else fields[localName] = value;
}

/** The message that the last of these fields is in, with those on the way, which are created. */
export function openMessage(message: Message, parents: readonly DescField[]): Message {
  let current = message;
  for (const field of parents) {
    let child = getField(current, field) as Message | undefined;
    if (child === undefined) {
      child = create(field.message as DescMessage);
      setField(current, field, child);
    }
    current = child;
  }
  return current;
}

/** The way to another field of a oneof that is set where this path would set one. */
export function findRival(message: Message, path: readonly DescField[]): string | undefined {
  let current: Message | undefined = message;
  for (const [depth, field] of path.entries()) {
    if (current === undefined) return undefined;
    if (field.oneof !== undefined) {
      const one = (current as unknown as Fields)[field.oneof.localName] as OneofValue;
      if (one.case !== undefined && one.case !== field.localName) {
        const rival = field.oneof.fields.find(({ localName }) => localName === one.case) as DescField;
        return pathName([...path.slice(0, depth), rival]);
      }
    }
    if (depth < path.length - 1) current = getField(current, field) as Message | undefined;
  }
  return undefined;
}
