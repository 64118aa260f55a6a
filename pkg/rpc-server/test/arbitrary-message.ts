import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

type Arbitrary = fc.Arbitrary<unknown>;

/** Messages of any type with any fields, rare and bad values among them, up to `depth` messages within each other. */
export function arbitraryMessage(desc: DescMessage, depth = 2): fc.Arbitrary<Message> {
  const special = SPECIAL[desc.typeName];
  if (special !== undefined) return special.map((init) => create(desc, init as Record<string, unknown>));
  const members: Record<string, Arbitrary> = {};
  for (const field of desc.fields) {
    if (field.oneof !== undefined || (field.message !== undefined && depth === 0)) continue;
    members[field.localName] = arbitraryField(field, depth);
  }
  for (const oneof of desc.oneofs) {
    const cases = oneof.fields.filter(({ message }) => message === undefined || depth > 0);
    const arbitraries = cases.map((field) =>
      arbitraryValue(field, depth).map((value) => ({ case: field.localName, value })),
    );
    members[oneof.localName] = fc.oneof(...arbitraries);
  }
  return fc.record(members, { requiredKeys: [] }).map((init) => {
    const message = create(desc);
    // Not given to `create`, which would correct some of them.
    for (const [name, value] of Object.entries(init))
      if (value !== undefined) Object.assign(message, { [name]: value });
    return message;
  });
}

function arbitraryField(field: DescField, depth: number): Arbitrary {
  const rarely = { freq: 30, nil: undefined };
  if (field.fieldKind === "list") {
    return fc.option(fc.array(arbitraryValue(field, depth), { maxLength: 3 }), { nil: undefined });
  }
  if (field.fieldKind === "map") {
    return fc.option(fc.dictionary(arbitraryKey(field.mapKey), arbitraryValue(field, depth), { maxKeys: 3 }), {
      nil: undefined,
    });
  }
  const { message } = field;
  // Singular fields of these types hold no messages.
  if (message !== undefined && isWrapperDesc(message)) return arbitraryValue(message.fields[0], 0);
  if (message?.typeName === "google.protobuf.Struct") return fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 });
  return message === undefined ? arbitraryValue(field, depth) : fc.option(arbitraryValue(field, depth), rarely);
}

function arbitraryValue(field: DescField, depth: number): Arbitrary {
  if (field.message !== undefined) return arbitraryMessage(field.message, depth - 1);
  if (field.enum !== undefined) {
    return fc.oneof(fc.constantFrom(...field.enum.values.map(({ number }) => number)), fc.integer());
  }
  const good = SCALARS[field.scalar as ScalarType];
  return fc.oneof({ weight: 200, arbitrary: good }, { weight: 1, arbitrary: BAD });
}

function arbitraryKey(scalar: ScalarType): fc.Arbitrary<string> {
  if (scalar === ScalarType.BOOL) return fc.constantFrom("true", "false");
  return (SCALARS[scalar] as Arbitrary).map(String);
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
  fc.constantFrom(0n, -1n, 951_782_400n, -62_135_596_800n, 253_402_300_799n, 253_402_300_800n, -62_135_596_801n),
);

/** Types of which most values cannot be written. */
const SPECIAL: Readonly<Record<string, Arbitrary>> = {
  "google.protobuf.Timestamp": fc.record({ seconds: SECONDS, nanos: fc.oneof(NANOS, fc.constantFrom(-1, 1e9)) }),
  "google.protobuf.Duration": fc.record({ seconds: fc.integer().map(BigInt), nanos: NANOS }),
  "google.protobuf.FieldMask": fc.record({
    paths: fc.array(fc.constantFrom("a", "a_b", "a.b_c", "A"), { maxLength: 3 }),
  }),
  "google.protobuf.Any": fc.record({ typeUrl: fc.constantFrom("", "type.googleapis.com/x.Y"), value: fc.uint8Array() }),
};
