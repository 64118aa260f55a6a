import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

type Arbitrary = fc.Arbitrary<unknown>;

export interface ArbitraryMessageOptions {
  /** How many messages may stand within each other. Default: 2. */
  readonly depth?: number;
  /** Whether some have values that cannot be written. Default: none has. */
  readonly hasBad?: boolean;
}

/** Messages of a type with any of its fields, set to anything. */
export function arbitraryMessage(desc: DescMessage, options: ArbitraryMessageOptions = {}): fc.Arbitrary<Message> {
  const { depth = 2, hasBad = false } = options;
  return new Arbitraries(hasBad).message(desc, depth);
}

class Arbitraries {
  readonly #hasBad: boolean;

  constructor(hasBad: boolean) {
    this.#hasBad = hasBad;
  }

  message(desc: DescMessage, depth: number): fc.Arbitrary<Message> {
    const special = this.#hasBad ? { ...SPECIAL, ...BAD_SPECIAL }[desc.typeName] : SPECIAL[desc.typeName];
    if (special !== undefined) return special.map((init) => create(desc, init as Record<string, unknown>));
    const members: Record<string, Arbitrary> = {};
    for (const field of desc.fields) {
      if (field.oneof === undefined && (field.message === undefined || depth > 0)) {
        members[field.localName] = this.#field(field, depth);
      }
    }
    for (const oneof of desc.oneofs) {
      const fields = oneof.fields.filter(({ message }) => message === undefined || depth > 0);
      members[oneof.localName] = fc.oneof(
        ...fields.map((field) => this.#value(field, depth).map((value) => ({ case: field.localName, value }))),
      );
    }
    // A value of google.protobuf.Value must have one.
    const requiredKeys = desc.typeName === "google.protobuf.Value" ? ["kind"] : [];
    return fc.record(members, { requiredKeys }).map((init) => {
      // Not given to `create`, which would correct some of them.
      const isSet = ([, value]: [string, unknown]) => value !== undefined;
      return Object.assign(create(desc), Object.fromEntries(Object.entries(init).filter(isSet)));
    });
  }

  #field(field: DescField, depth: number): Arbitrary {
    const value = this.#value(field, depth);
    if (field.fieldKind === "list") return fc.array(value, { maxLength: 3 });
    if (field.fieldKind === "map") return fc.dictionary(arbitraryKey(field.mapKey), value, { maxKeys: 3 });
    const { message } = field;
    // Singular fields of these types hold no messages.
    if (message !== undefined && isWrapperDesc(message)) return this.#value(message.fields[0], 0);
    if (message?.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value") {
      return fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 });
    }
    return value;
  }

  #value(field: DescField, depth: number): Arbitrary {
    if (field.message !== undefined) return this.message(field.message, depth - 1);
    if (field.enum !== undefined) {
      const known = fc.constantFrom(...field.enum.values.map(({ number }) => number));
      return field.enum.typeName === "google.protobuf.NullValue" ? known : fc.oneof(known, fc.integer());
    }
    // In JSON these are numbers only, which cannot be NaN.
    const isValue = field.parent.typeName === "google.protobuf.Value" && field.scalar === ScalarType.DOUBLE;
    const good = isValue ? fc.integer() : SCALARS[field.scalar as ScalarType];
    return this.#hasBad ? fc.oneof({ weight: 50, arbitrary: good }, { weight: 1, arbitrary: BAD }) : good;
  }
}

function arbitraryKey(scalar: ScalarType): fc.Arbitrary<string> {
  if (scalar === ScalarType.BOOL) return fc.constantFrom("true", "false");
  return SCALARS[scalar].map(String);
}

const BAD = fc.constantFrom("text", 1.5, Number.NaN, null, {}, -1, 2 ** 40, 2n ** 70n, true);
const TEXT = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.string({ unit: "grapheme", minLength: 30 }));
const INT32 = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31)));
const UINT32 = fc.nat({ max: 2 ** 32 - 1 });
const INT64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const UINT64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const SCALARS: Readonly<Record<ScalarType, Arbitrary>> = {
  [ScalarType.DOUBLE]: fc.double(),
  [ScalarType.FLOAT]: fc.float(),
  [ScalarType.INT32]: INT32,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.UINT32]: UINT32,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.INT64]: INT64,
  [ScalarType.SINT64]: INT64,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.UINT64]: UINT64,
  [ScalarType.FIXED64]: UINT64,
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.STRING]: TEXT,
  [ScalarType.BYTES]: fc.uint8Array({ maxLength: 40 }),
};

const NANOS = fc.oneof(fc.constantFrom(0, 5_000_000, 7_000, 999_999_999), fc.nat({ max: 999_999_999 }));
const SECONDS = fc.oneof(
  fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }).map(BigInt),
  fc.constantFrom(0n, -1n, 951_782_400n, 4_107_542_400n, -62_135_596_800n, 253_402_300_799n),
);

/** Types of which not every value can be written as JSON. */
const SPECIAL: Readonly<Record<string, Arbitrary>> = {
  "google.protobuf.Timestamp": fc.record({ seconds: SECONDS, nanos: NANOS }),
  "google.protobuf.Duration": fc
    .record({ seconds: fc.integer(), nanos: NANOS })
    .map(({ seconds, nanos }) => ({ seconds: BigInt(seconds), nanos: seconds < 0 ? -nanos : nanos })),
  "google.protobuf.FieldMask": fc.record({ paths: fc.array(fc.constantFrom("a", "a_b", "a.b_c"), { maxLength: 3 }) }),
  // Without a registry only this one.
  "google.protobuf.Any": fc.constant({ typeUrl: "" }),
};

const BAD_SPECIAL: Readonly<Record<string, Arbitrary>> = {
  "google.protobuf.Timestamp": fc.record({
    seconds: fc.oneof(SECONDS, fc.constantFrom(253_402_300_800n, -62_135_596_801n)),
    nanos: fc.oneof(NANOS, fc.constantFrom(-1, 1e9)),
  }),
  "google.protobuf.Duration": fc.record({ seconds: fc.integer().map(BigInt), nanos: NANOS }),
  "google.protobuf.FieldMask": fc.record({ paths: fc.array(fc.constantFrom("a", "a_b", "A"), { maxLength: 3 }) }),
  "google.protobuf.Any": fc.record({ typeUrl: fc.constantFrom("", "type.googleapis.com/x.Y"), value: fc.uint8Array() }),
};
