import {
  type BinaryWriteOptions,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FeatureSet_FieldPresence, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { isDefault } from "./default-values.ts";

type Fields = Message & Record<string, unknown>;
type MessageWriter = (writer: BinaryWriter, message: Fields) => void;
type ValueWriter = (writer: BinaryWriter, value: unknown) => void;

/** A writer that has grown further is not kept. */
const MAX_KEPT_BYTES = 64 * 1024;

/**
 * Compiles a writer for messages of a type, equal to protobuf-es's toBinary. It writes into the same memory each time,
 * where that one allocates and grows its own: half the time, and less for the garbage collector. What is rare is left
 * to protobuf-es.
 */
export function compileBinaryWriter(
  desc: DescMessage,
  options: Partial<BinaryWriteOptions> = {},
): (message: Message) => Uint8Array {
  const write = new Compiler(options).message(desc);
  let writer = new BinaryWriter();
  return (message) => {
    try {
      write(writer, message as Fields);
    } catch {
      writer = new BinaryWriter();
      // It says what is wrong.
      return toBinary(desc, message, options);
    }
    const bytes = writer.finish();
    if (bytes.length > MAX_KEPT_BYTES) writer = new BinaryWriter();
    return bytes;
  };
}

class Compiler {
  readonly #options: Partial<BinaryWriteOptions>;
  /** Messages may contain themselves. */
  readonly #compiled = new Map<DescMessage, MessageWriter>();

  constructor(options: Partial<BinaryWriteOptions>) {
    this.#options = options;
  }

  message(desc: DescMessage): MessageWriter {
    const known = this.#compiled.get(desc);
    if (known !== undefined) return known;
    if (!desc.fields.every(isCommon)) return (writer, message) => writer.raw(toBinary(desc, message, this.#options));

    const fields: MessageWriter[] = [];
    const { writeUnknownFields = true } = this.#options;
    const write: MessageWriter = (writer, message) => {
      if (message.$typeName !== desc.typeName) throw new TypeError(`${message.$typeName} is no ${desc.typeName}`);
      for (let i = 0; i < fields.length; i++) (fields[i] as MessageWriter)(writer, message);
      if (message.$unknown === undefined || !writeUnknownFields) return;
      for (const { no, wireType, data } of message.$unknown) writer.tag(no, wireType).raw(data);
    };
    this.#compiled.set(desc, write);
    for (const field of desc.fields.toSorted((a, b) => a.number - b.number)) fields.push(this.#field(field));
    return write;
  }

  #field(field: DescField): MessageWriter {
    const { localName } = field;
    if (field.fieldKind === "list") return this.#list(field);
    if (field.fieldKind === "map") return this.#map(field);
    const write = this.#tagged(field, field.number, field.fieldKind);
    if (field.oneof !== undefined) {
      const { localName: oneofName } = field.oneof;
      return (writer, message) => {
        const oneof = message[oneofName] as { case?: string; value?: unknown };
        if (oneof.case === localName) write(writer, oneof.value);
      };
    }
    if (field.presence !== FeatureSet_FieldPresence.IMPLICIT) {
      return (writer, message) => {
        const value = message[localName];
        // Defaults of proto2 stand in the prototype.
        if (value !== undefined && Object.hasOwn(message, localName)) write(writer, value);
      };
    }
    const isZero = isDefault(field);
    return (writer, message) => {
      const value = message[localName];
      if (!isZero(value)) write(writer, value);
    };
  }

  #list(field: DescField & { readonly fieldKind: "list" }): MessageWriter {
    const { localName, number, listKind } = field;
    const itemsOf = (message: Fields) => message[localName] as readonly unknown[];
    if (listKind === "message" || !field.packed) {
      const write = this.#tagged(field, number, listKind);
      return (writer, message) => {
        for (const item of itemsOf(message)) write(writer, item);
      };
    }
    const write = scalarWriter(field);
    return (writer, message) => {
      const items = itemsOf(message);
      if (items.length === 0) return;
      writer.tag(number, WireType.LengthDelimited).fork();
      for (const item of items) write(writer, item);
      writer.join();
    };
  }

  /** Entries are messages of a key, 1, and a value, 2. Source: protobuf.dev, "Encoding", "Maps". */
  #map(field: DescField & { readonly fieldKind: "map" }): MessageWriter {
    const { localName, number, mapKey, mapKind } = field;
    const write = this.#tagged(field, 2, mapKind);
    const writeKey = SCALARS[mapKey];
    const keyOf = keyReader(mapKey);
    return (writer, message) => {
      for (const [key, value] of Object.entries(message[localName] as Record<string, unknown>)) {
        writer.tag(number, WireType.LengthDelimited).fork().tag(1, wireTypeOf(mapKey));
        writeKey(writer, keyOf(key));
        write(writer, value);
        writer.join();
      }
    };
  }

  #tagged(field: DescField, number: number, kind: "scalar" | "enum" | "message"): ValueWriter {
    if (kind !== "message") {
      const wireType = wireTypeOf(scalarOf(field));
      const write = scalarWriter(field);
      return (writer, value) => {
        writer.tag(number, wireType);
        write(writer, value);
      };
    }
    const write = this.message(field.message as DescMessage);
    return (writer, value) => {
      writer.tag(number, WireType.LengthDelimited).fork();
      write(writer, value as Fields);
      writer.join();
    };
  }
}

/** Not those that messages hold as something else than a message, and what only proto2 and its successors have. */
function isCommon({ message, presence, ...field }: DescField): boolean {
  const isDelimited = "delimitedEncoding" in field && field.delimitedEncoding;
  if (isDelimited || presence === FeatureSet_FieldPresence.LEGACY_REQUIRED) return false;
  return message === undefined || !(isWrapperDesc(message) || message.typeName === "google.protobuf.Struct");
}

/** Enums are written as int32. */
function scalarOf(field: DescField): ScalarType {
  return field.scalar ?? ScalarType.INT32;
}

function scalarWriter(field: DescField): ValueWriter {
  return SCALARS[scalarOf(field)];
}

/** BinaryWriter checks most values, but takes any for a text or a truth. */
const SCALARS: Readonly<Record<ScalarType, ValueWriter>> = {
  [ScalarType.STRING]: (writer, value) => writer.string(value as string),
  [ScalarType.BOOL]: (writer, value) => writer.bool(value as boolean),
  [ScalarType.BYTES]: (writer, value) => writer.bytes(value as Uint8Array<ArrayBuffer>),
  [ScalarType.DOUBLE]: (writer, value) => writer.double(value as number),
  [ScalarType.FLOAT]: (writer, value) => writer.float(value as number),
  [ScalarType.INT32]: (writer, value) => writer.int32(value as number),
  [ScalarType.UINT32]: (writer, value) => writer.uint32(value as number),
  [ScalarType.SINT32]: (writer, value) => writer.sint32(value as number),
  [ScalarType.FIXED32]: (writer, value) => writer.fixed32(value as number),
  [ScalarType.SFIXED32]: (writer, value) => writer.sfixed32(value as number),
  [ScalarType.INT64]: (writer, value) => writer.int64(value as bigint),
  [ScalarType.UINT64]: (writer, value) => writer.uint64(value as bigint),
  [ScalarType.SINT64]: (writer, value) => writer.sint64(value as bigint),
  [ScalarType.FIXED64]: (writer, value) => writer.fixed64(value as bigint),
  [ScalarType.SFIXED64]: (writer, value) => writer.sfixed64(value as bigint),
};

function wireTypeOf(scalar: ScalarType): WireType {
  switch (scalar) {
    case ScalarType.BYTES:
    case ScalarType.STRING:
      return WireType.LengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    default:
      return WireType.Varint;
  }
}

/** Keys of maps are the names of properties. The writer takes 64-bit integers as text. */
function keyReader(scalar: ScalarType): (key: string) => unknown {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return (key) => key;
    case ScalarType.BOOL:
      return (key) => key === "true";
    default:
      return Number;
  }
}
