import { create, type DescEnum, type DescField, fromJson, protoInt64, ScalarType } from "@bufbuild/protobuf";
import { protoSnakeCase } from "@bufbuild/protobuf/reflect";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { DurationSchema, FieldMaskSchema, isWrapperDesc, TimestampSchema } from "@bufbuild/protobuf/wkt";

/** How a field is written as text, in a path or in a query. */
export interface TextType {
  /** The value as protobuf-es's messages hold it, of a list the element's; undefined: the text is none. */
  readonly read: (text: string) => unknown;
  /** Follows the field's name: `must be true or false`. */
  readonly expected: string;
}

/**
 * The values are those that proto3 JSON has as strings or bare words, and nothing else: no `1` for true, no `0x10`, no spaces around
 * them. Undefined for what has no text: messages but for some well-known types, maps, and lists of messages, which http.proto
 * forbids to map to parameters.
 */
export function textTypeOf(field: DescField): TextType | undefined {
  if (field.fieldKind === "map") return undefined;
  if (field.enum !== undefined) return enumType(field.enum);
  if (field.scalar !== undefined) return scalarType(field.scalar, field.longAsString);
  if (field.fieldKind === "list") return undefined;
  if (isWrapperDesc(field.message)) return wrapperType(field);
  return WELL_KNOWN[field.message.typeName];
}

/** Those in a oneof are messages, others are the value itself. Source: protobuf-es, "Well-known types". */
function wrapperType({ message, oneof }: DescField & { fieldKind: "message" }): TextType {
  const [value] = message.fields as [DescField & { fieldKind: "scalar" }];
  const type = scalarType(value.scalar, value.longAsString);
  if (oneof === undefined) return type;
  const read = (text: string) => {
    const unboxed = type.read(text);
    return unboxed === undefined ? undefined : create(message, { value: unboxed });
  };
  return { ...type, read };
}

function enumType(desc: DescEnum): TextType {
  const numbers = new Map(desc.values.map(({ jsonName, number }) => [jsonName, number]));
  for (const { name, number } of desc.values) numbers.set(name, number);
  const declared = new Set(numbers.values());
  const read = (text: string) => {
    const known = numbers.get(text);
    if (known !== undefined) return known;
    const number = INT32.read(text) as number | undefined;
    return number === undefined || desc.open || declared.has(number) ? number : undefined;
  };
  return { read, expected: `must be the name or the number of a value of ${desc.typeName}` };
}

/** More digits than any 64-bit number has, for those with zeros before them; few enough to be read at once. */
const INTEGER = /^-?\d{1,40}$/;
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const BASE64 = /^[\w+/-]*={0,2}$/;

function integerType(min: bigint, max: bigint, toLocal: (value: bigint) => unknown): TextType {
  const read = (text: string) => {
    if (!INTEGER.test(text)) return undefined;
    const value = BigInt(text);
    return value < min || value > max ? undefined : toLocal(value);
  };
  return { read, expected: `must be an integer from ${min} to ${max}` };
}

/** What its type would make infinite is refused, as in JSON. */
function numberType(expected: string, round: (value: number) => number): TextType {
  const read = (text: string) => {
    if (text === "NaN" || text === "Infinity" || text === "-Infinity") return Number(text);
    if (!NUMBER.test(text)) return undefined;
    const value = Number(text);
    return Number.isFinite(round(value)) ? value : undefined;
  };
  return { read, expected };
}

function readBase64(text: string): Uint8Array | undefined {
  if (!BASE64.test(text)) return undefined;
  const digits = text.replace(/=+$/, "").length;
  const isPadded = digits < text.length;
  // One digit more than a multiple of four is half a byte.
  if (isPadded ? text.length % 4 !== 0 : digits % 4 === 1) return undefined;
  return base64Decode(text);
}

const INT32 = integerType(-(2n ** 31n), 2n ** 31n - 1n, Number);
const UINT32 = integerType(0n, 2n ** 32n - 1n, Number);
const SIGNED = [-(2n ** 63n), 2n ** 63n - 1n] as const;
const UNSIGNED = [0n, 2n ** 64n - 1n] as const;
const INT64 = integerType(...SIGNED, (value) => protoInt64.parse(value));
const UINT64 = integerType(...UNSIGNED, (value) => protoInt64.uParse(value));
const TEXT_INT64 = integerType(...SIGNED, String);
const TEXT_UINT64 = integerType(...UNSIGNED, String);
const BOOL: TextType = {
  read: (text) => (text === "true" ? true : text === "false" ? false : undefined),
  expected: "must be true or false",
};
const STRING: TextType = { read: (text) => text, expected: "must be a string" };
const BYTES: TextType = { read: readBase64, expected: "must be base64" };
const DOUBLE = numberType("must be a 64-bit number, NaN, Infinity or -Infinity", Number);
const FLOAT = numberType("must be a 32-bit number, NaN, Infinity or -Infinity", Math.fround);

function scalarType(scalar: ScalarType, longAsString: boolean): TextType {
  switch (scalar) {
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return INT32;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return UINT32;
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return longAsString ? TEXT_INT64 : INT64;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return longAsString ? TEXT_UINT64 : UINT64;
    case ScalarType.DOUBLE:
      return DOUBLE;
    case ScalarType.FLOAT:
      return FLOAT;
    case ScalarType.BOOL:
      return BOOL;
    case ScalarType.BYTES:
      return BYTES;
    case ScalarType.STRING:
      return STRING;
  }
}

/** Date.parse, and so protobuf-es, takes 31 February for 3 March, and 24:00 for the day after. Source: RFC 3339, 5.7. */
function isOnCalendar(time: string): boolean {
  const day = time.slice(0, 10);
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${day}T`) && !time.startsWith("T24", 10);
}

/** protobuf-es would take anything after the "s". */
const DURATION = /^-?\d{1,12}(?:\.\d{1,9})?s$/;

function attempt(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A path in the proto's names stays as it is; one in JSON's is translated, name by name. */
function readPath(path: string): string {
  return path
    .split(".")
    .map((name) => (name.includes("_") ? name : protoSnakeCase(name)))
    .join(".");
}

function readFieldMask(text: string): unknown {
  const paths = text === "" ? [] : text.split(",");
  return paths.includes("") ? undefined : create(FieldMaskSchema, { paths: paths.map(readPath) });
}

const WELL_KNOWN: Readonly<Record<string, TextType>> = {
  "google.protobuf.Timestamp": {
    read: (text) => (isOnCalendar(text) ? attempt(() => fromJson(TimestampSchema, text)) : undefined),
    expected: "must be a time as in RFC 3339, 2006-01-02T15:04:05Z",
  },
  "google.protobuf.Duration": {
    read: (text) => (DURATION.test(text) ? attempt(() => fromJson(DurationSchema, text)) : undefined),
    expected: "must be a number of seconds that ends with s, 1.5s",
  },
  "google.protobuf.FieldMask": {
    read: readFieldMask,
    expected: "must be the names of fields with commas between them",
  },
};
