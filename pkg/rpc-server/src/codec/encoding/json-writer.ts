import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type JsonWriteOptions,
  type Message,
  type MessageShape,
  ScalarType,
  toJson,
  toJsonString,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence, type Timestamp } from "@bufbuild/protobuf/wkt";
import { isDefault } from "./default-values.ts";
import { formatTimestamp } from "./json-timestamp.ts";

/** Writes messages of one type. Throws for what JSON cannot carry. */
export type JsonWriter = (message: Message) => string;

type ValueWriter = (value: unknown) => string;

/** Writes a field with its name, or nothing when it is not set. */
type FieldWriter = (message: Record<string, unknown>) => string;

type Options = Partial<Omit<JsonWriteOptions, "prettySpaces"> & { prettySpaces: number }>;

/**
 * Compiles a writer for messages of a type, equal to protobuf-es's toJsonString but for the order of fields that have numbers as
 * names. It writes text where that one builds objects for JSON.stringify, and times without Date: a user of six fields
 * takes a third of the time. What is rare is left to protobuf-es.
 */
export function compileJsonWriter(desc: DescMessage, options: Options = {}): JsonWriter {
  if (options.prettySpaces) return (message) => toJsonString(desc, message, options);
  return new Compiler(options).message(desc);
}

class Compiler {
  readonly #options: Options;
  /** Messages may contain themselves. */
  readonly #compiled = new Map<DescMessage, JsonWriter>();

  constructor(options: Options) {
    this.#options = options;
  }

  message(desc: DescMessage): JsonWriter {
    const known = this.#compiled.get(desc);
    if (known !== undefined) return known;
    if (!isCommon(desc)) return this.#rare(desc);

    const fields: FieldWriter[] = [];
    const rare = this.#rare(desc);
    const hasRegistry = this.#options.registry !== undefined;
    const writer: JsonWriter = (message) => {
      const isForeign = message.$typeName !== desc.typeName;
      // Extensions stand among the unknown fields.
      if (isForeign || (hasRegistry && message.$unknown !== undefined)) return rare(message);
      let text = "";
      for (let i = 0; i < fields.length; i++) {
        const field = (fields[i] as FieldWriter)(message as Message & Record<string, unknown>);
        if (field !== "") text = text === "" ? field : `${text},${field}`;
      }
      return `{${text}}`;
    };
    this.#compiled.set(desc, writer);
    const sorted = desc.fields.toSorted((a, b) => a.number - b.number);
    for (const field of sorted) fields.push(this.#field(field));
    return writer;
  }

  #rare(desc: DescMessage): JsonWriter {
    return (message) => JSON.stringify(toJson(desc, message, this.#options));
  }

  #field(field: DescField): FieldWriter {
    const { localName } = field;
    const { alwaysEmitImplicit = false, useProtoFieldName = false } = this.#options;
    const key = `${JSON.stringify(useProtoFieldName ? field.name : field.jsonName)}:`;
    const isEmitted = (isZero: boolean) => alwaysEmitImplicit || !isZero;

    if (field.fieldKind === "list") {
      const item = this.#value(field, field.listKind);
      return (message) => {
        const items = message[localName] as readonly unknown[];
        return isEmitted(items.length === 0) ? `${key}[${items.map((each) => item(each)).join(",")}]` : "";
      };
    }
    if (field.fieldKind === "map") {
      const value = this.#value(field, field.mapKind);
      return (message) => {
        const entries = Object.entries(message[localName] as Record<string, unknown>);
        if (!isEmitted(entries.length === 0)) return "";
        return `${key}{${entries.map(([name, each]) => `${quote(name)}:${value(each)}`).join(",")}}`;
      };
    }
    const write = this.#value(field, field.fieldKind);
    if (field.oneof !== undefined) {
      const { localName: oneofName } = field.oneof;
      return (message) => {
        const oneof = message[oneofName] as { case?: string; value?: unknown };
        return oneof.case === localName ? key + write(oneof.value) : "";
      };
    }
    if (field.presence !== FeatureSet_FieldPresence.IMPLICIT) {
      return (message) => {
        const value = message[localName];
        // Defaults of proto2 stand in the prototype.
        return value !== undefined && Object.hasOwn(message, localName) ? key + write(value) : "";
      };
    }
    const isZero = isDefault(field);
    return (message) => {
      const value = message[localName];
      return isEmitted(isZero(value)) ? key + write(value) : "";
    };
  }

  #value(field: DescField, kind: "scalar" | "enum" | "message"): ValueWriter {
    if (kind === "scalar") return scalarWriter(field, field.scalar as ScalarType);
    if (kind === "enum") return this.#enum(field, field.enum as DescEnum);
    const desc = field.message as DescMessage;
    if (desc.typeName === TIMESTAMP) return timestampWriter(desc);
    return this.message(desc) as ValueWriter;
  }

  #enum(field: DescField, { value: values }: DescEnum): ValueWriter {
    const { enumAsInteger = false } = this.#options;
    return (value) => {
      if (typeof value !== "number") throw unwritable(field, value);
      const name = enumAsInteger ? undefined : values[value]?.jsonName;
      // A number that this version of the enum does not know stays one.
      return name === undefined ? number(value) : `"${name}"`;
    };
  }
}

const TIMESTAMP = "google.protobuf.Timestamp";

/** The well-known types whose fields hold messages of theirs, where wrappers and Struct are stored as something else. */
const PLAIN_WELL_KNOWN: ReadonlySet<string> = new Set([
  TIMESTAMP,
  "google.protobuf.Duration",
  "google.protobuf.FieldMask",
  "google.protobuf.Empty",
]);

const WELL_KNOWN = /^google\.protobuf\.[A-Z]/;

/** Whether all fields of a message are of kinds that are written here. */
function isCommon({ typeName, fields }: DescMessage): boolean {
  if (WELL_KNOWN.test(typeName)) return false;
  return fields.every(
    ({ message, enum: enumeration, presence }) =>
      presence !== FeatureSet_FieldPresence.LEGACY_REQUIRED &&
      enumeration?.typeName !== "google.protobuf.NullValue" &&
      (message === undefined || !WELL_KNOWN.test(message.typeName) || PLAIN_WELL_KNOWN.has(message.typeName)),
  );
}

function timestampWriter(desc: DescMessage): ValueWriter {
  return (value) => {
    const { seconds, nanos, $typeName } = value as MessageShape<DescMessage> & Timestamp;
    const text = $typeName === TIMESTAMP ? formatTimestamp(Number(seconds), nanos) : undefined;
    // It says what is wrong.
    return text === undefined ? JSON.stringify(toJson(desc, value as Message)) : `"${text}"`;
  };
}

function scalarWriter(field: DescField, scalar: ScalarType): ValueWriter {
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
      return (value) => {
        if (typeof value === "bigint" || Number.isInteger(value)) return `"${value}"`;
        if (typeof value === "string") return quote(value);
        throw unwritable(field, value);
      };
    default:
      return (value) => {
        if (typeof value !== "number") throw unwritable(field, value);
        return number(value);
      };
  }
}

function unwritable(field: DescField, value: unknown): Error {
  return new Error(`cannot encode ${field} to JSON: it holds a ${typeof value}`);
}

/** As JSON.stringify: what is no number in JSON is null. */
function number(value: number): string {
  return Number.isFinite(value) ? String(value === 0 ? 0 : value) : "null";
}

/** All but what JSON must escape, and surrogates, halves of which it should. Source: RFC 8259, 7 and 8.2. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
