import { type DescEnum, type DescField, ScalarType } from "@bufbuild/protobuf";

/** Writes a value as JSON. Throws for what JSON cannot carry. */
export type ValueWriter = (value: unknown) => string;

/** Source: ProtoJSON format, "Representation of each type". */
export function scalarWriter(field: DescField, scalar: ScalarType, int64AsNumbers: boolean): ValueWriter {
  switch (scalar) {
    case ScalarType.STRING:
      return (value) => {
        if (typeof value !== "string") throw unwritable(field, value);
        return quote(value);
      };
    case ScalarType.BOOL:
      return (value) => {
        if (typeof value !== "boolean") throw unwritable(field, value);
        return value ? "true" : "false";
      };
    case ScalarType.BYTES:
      return (value) => {
        if (!(value instanceof Uint8Array)) throw unwritable(field, value);
        return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")}"`;
      };
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return (value) => {
        if (typeof value !== "number") throw unwritable(field, value);
        return Number.isFinite(value) ? number(value) : `"${value}"`;
      };
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return int64AsNumbers ? int64NumberWriter(field) : int64TextWriter(field);
    default:
      return (value) => {
        if (typeof value !== "number") throw unwritable(field, value);
        return number(value);
      };
  }
}

function int64TextWriter(field: DescField): ValueWriter {
  return (value) => {
    if (typeof value === "bigint" || Number.isInteger(value)) return `"${value}"`;
    if (typeof value === "string") return quote(value);
    throw unwritable(field, value);
  };
}

/** What JSON has for integers. Source: RFC 8259, 6. */
const INTEGER = /^-?(?:0|[1-9]\d*)$/;

function int64NumberWriter(field: DescField): ValueWriter {
  return (value) => {
    if (typeof value === "bigint" || Number.isInteger(value)) return `${value}`;
    if (typeof value === "string" && INTEGER.test(value)) return value;
    throw unwritable(field, value);
  };
}

export function enumWriter(field: DescField, desc: DescEnum, enumAsInteger: boolean): ValueWriter {
  const isNull = desc.typeName === "google.protobuf.NullValue";
  return (value) => {
    if (typeof value !== "number") throw unwritable(field, value);
    if (isNull) return "null";
    const name = enumAsInteger ? undefined : desc.value[value]?.jsonName;
    // A number that this version of the enum does not know stays one.
    return name === undefined ? number(value) : `"${name}"`;
  };
}

function unwritable(field: DescField, value: unknown): Error {
  return new Error(`cannot encode ${field} to JSON: it holds a ${typeof value}`);
}

/** As JSON.stringify: what is no number in JSON is null. */
export function number(value: number): string {
  return Number.isFinite(value) ? String(value === 0 ? 0 : value) : "null";
}

/** All but what JSON must escape, and surrogates, halves of which it should. Source: RFC 8259, 7 and 8.2. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

export function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
