import {
  create,
  createRegistry,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonWriteOptions,
  type Message,
  setExtension,
  toJson,
  toJsonString,
} from "@bufbuild/protobuf";
import {
  AnySchema,
  anyPack,
  DurationSchema,
  Int64ValueSchema,
  ListValueSchema,
  NullValue,
  StringValueSchema,
  StructSchema,
  TimestampSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryMessage } from "../../../test/arbitrary-message.ts";
import * as extended from "../../../test/gen/kinds/v1/extended_pb.ts";
import { ExtendedSchema, file_kinds_v1_extended, Shade } from "../../../test/gen/kinds/v1/extended_pb.ts";
import { Colour, KindsSchema, RareSchema } from "../../../test/gen/kinds/v1/kinds_pb.ts";
import { compileFieldJsonWriter, compileJsonWriter } from "./json-writer.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 40), seed: 20261121 };

const WELL_KNOWN = [
  AnySchema,
  DurationSchema,
  ListValueSchema,
  StringValueSchema,
  StructSchema,
  TimestampSchema,
  ValueSchema,
];

const registry = createRegistry(KindsSchema, RareSchema, file_kinds_v1_extended, ...WELL_KNOWN);

const OPTIONS: readonly Partial<JsonWriteOptions>[] = [
  {},
  { alwaysEmitImplicit: true },
  { enumAsInteger: true, useProtoFieldName: true },
];

describe.each(OPTIONS)("with a registry and %j, as protobuf-es", (given) => {
  const options = { ...given, registry };

  test.each([KindsSchema, RareSchema, ...WELL_KNOWN])("$typeName is written within google.protobuf.Any", (desc) => {
    const writeRare = compileJsonWriter(RareSchema, options);
    const writeAny = compileJsonWriter(AnySchema, options);
    const check = (message: Message) => {
      const anAny = anyPack(desc as DescMessage, message);
      const rare = create(RareSchema, { anAny, anys: [create(AnySchema), anyPack(AnySchema, anAny)] });
      expect(writeRare(rare)).toBe(toJsonString(RareSchema, rare, options));
      expect(writeAny(anAny)).toBe(toJsonString(AnySchema, anAny, options));
    };
    fc.assert(fc.property(arbitraryMessage(desc as DescMessage), check), { ...parameters, numRuns: 100 });
  });

  test("messages of proto2, and their extensions, are written", () => {
    const write = compileJsonWriter(ExtendedSchema, options);
    const named = arbitraryMessage(ExtendedSchema, { depth: 0 }).map((each) => Object.assign(each, { name: "x" }));
    const check = (
      message: Message,
      self: Message,
      sizes: bigint[],
      text: string,
      bytes: Uint8Array,
      by: JsonObject,
    ) => {
      setExtension(message as never, extended.extra_size, BigInt(sizes.length));
      setExtension(message as never, extended.extra_sizes, sizes);
      setExtension(message as never, extended.extra_shade, Shade.DARK);
      setExtension(message as never, extended.extra_self, self as never);
      setExtension(message as never, extended.extra_text, text);
      setExtension(message as never, extended.extra_struct, by);
      setExtension(message as never, extended.extra_bytes, bytes);
      message.$unknown?.push({ no: 99_999, wireType: 2, data: Uint8Array.of(0) });
      expect(write(message)).toBe(toJsonString(ExtendedSchema, message as never, options));
    };
    const uint64s = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 3 });
    const json = fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 });
    fc.assert(fc.property(named, named, uint64s, fc.string(), fc.uint8Array(), json, check), parameters);
  });
});

test("a required field that is not set is an error", () => {
  expect(() => compileJsonWriter(ExtendedSchema)(create(ExtendedSchema))).toThrow("required field not set");
});

test("a type that the registry does not have, or no registry, is an error that does not quote the type", () => {
  const any = anyPack(TimestampSchema, create(TimestampSchema));
  for (const options of [{}, { registry: createRegistry() }]) {
    expect(() => compileJsonWriter(AnySchema, options)(any)).toThrow(/^cannot encode [\w.]+ to JSON: its type/);
  }
});

describe("int64AsNumbers", () => {
  const options = { int64AsNumbers: true };

  test("64-bit integers are numbers with all their digits, wherever they stand; keys of maps stay strings", () => {
    const write = compileJsonWriter(KindsSchema, options);
    const message = create(KindsSchema, {
      anInt64: -(2n ** 63n),
      aUint64: 2n ** 64n - 1n,
      aTextInt64: "9007199254740993",
      sint64s: [1n, 9007199254740993n],
      byUint64: { "18446744073709551615": new Uint8Array() },
      one: { case: "oneInt64", value: 9007199254740995n },
      rare: { anInt64Value: 9007199254740997n, uint64Values: [{ value: 18446744073709551615n }, {}] },
    });
    expect(write(message)).toBe(
      '{"anInt64":-9223372036854775808,"aUint64":18446744073709551615,"aTextInt64":9007199254740993,' +
        '"sint64s":[1,9007199254740993],"byUint64":{"18446744073709551615":""},"oneInt64":9007199254740995,' +
        '"rare":{"anInt64Value":9007199254740997,"uint64Values":[18446744073709551615,0]}}',
    );
  });

  test("within Any and extensions too", () => {
    const write = compileJsonWriter(ExtendedSchema, { ...options, registry });
    const message = create(ExtendedSchema, { name: "x", size: 2n ** 60n });
    setExtension(message, extended.extra_sizes, [2n ** 63n]);
    expect(write(message)).toBe(
      '{"name":"x","size":1152921504606846976,"[kinds.v1.extra_sizes]":[9223372036854775808]}',
    );
    const any = anyPack(KindsSchema, create(KindsSchema, { anInt64: 2n ** 60n }));
    expect(compileJsonWriter(AnySchema, { ...options, registry })(any)).toContain('"anInt64":1152921504606846976,');
  });

  test("with indentation the digits stay", () => {
    const write = compileJsonWriter(Int64ValueSchema, options);
    expect(write(create(Int64ValueSchema, { value: 2n ** 60n }))).toBe("1152921504606846976");
    const pretty = compileJsonWriter(KindsSchema, { ...options, prettySpaces: 2 });
    expect(pretty(create(KindsSchema, { anInt64: 2n ** 60n }))).toBe('{\n  "anInt64": 1152921504606846976\n}');
  });

  test.each(["1e3", "007", "", "1,2", "0x1"])("text that is no integer in JSON is refused: %j", (aTextInt64) => {
    const message = create(KindsSchema);
    message.aTextInt64 = aTextInt64;
    expect(() => compileJsonWriter(KindsSchema, options)(message)).toThrow("kinds.v1.Kinds.a_text_int64");
  });

  test("all else is as without it", () => {
    const write = compileJsonWriter(KindsSchema, options);
    const asText = compileJsonWriter(KindsSchema);
    const withoutDigits = (text: string) => text.replaceAll(/"?-?\d+"?/g, "0");
    const check = (message: Message) => {
      expect(withoutDigits(write(message))).toBe(withoutDigits(asText(message)));
      JSON.parse(write(message));
    };
    fc.assert(fc.property(arbitraryMessage(KindsSchema), check), parameters);
  });
});

describe("the JSON of one field", () => {
  const field = (desc: DescMessage, localName: string) => desc.field[localName] as DescField;

  test.each([
    ["aString", '""'],
    ["anInt32", "0"],
    ["anInt64", '"0"'],
    ["aTextInt64", '"0"'],
    ["aDouble", "0"],
    ["aBool", "false"],
    ["someBytes", '""'],
    ["aColour", '"COLOUR_UNSPECIFIED"'],
    ["maybeString", '""'],
    ["maybeColour", '"COLOUR_UNSPECIFIED"'],
    ["itself", "{}"],
    ["anEmpty", "{}"],
    ["aTime", "null"],
    ["aDuration", "null"],
    ["aMask", "null"],
    ["strings", "[]"],
    ["kinds", "[]"],
    ["byInt32", "{}"],
    ["oneString", '""'],
    ["oneKinds", "{}"],
  ])("%s that is not set is %s", (name, expected) => {
    expect(compileFieldJsonWriter(field(KindsSchema, name))(create(KindsSchema))).toBe(expected);
  });

  test.each([
    ["aStringValue", "null"],
    ["anInt64Value", "null"],
    ["aStruct", "{}"],
    ["aValue", "null"],
    ["anAny", "{}"],
    ["aNull", "null"],
    ["aList", "[]"],
    ["oneStringValue", "null"],
  ])("%s that is not set is %s", (name, expected) => {
    expect(compileFieldJsonWriter(field(RareSchema, name))(create(RareSchema))).toBe(expected);
  });

  test("defaults of proto2 are written", () => {
    const write = (name: string) => compileFieldJsonWriter(field(ExtendedSchema, name))(create(ExtendedSchema));
    expect([write("size"), write("shade"), write("name")]).toEqual(['"7"', '"SHADE_DARK"', '""']);
  });

  test("options hold for it", () => {
    const message = create(KindsSchema, { anInt64: 2n ** 60n, aColour: Colour.RED, itself: { aString: "x" } });
    const write = (name: string, options: object) => compileFieldJsonWriter(field(KindsSchema, name), options)(message);
    expect(write("anInt64", { int64AsNumbers: true })).toBe("1152921504606846976");
    expect(write("aColour", { enumAsInteger: true })).toBe("1");
    expect(write("itself", { prettySpaces: 1, useProtoFieldName: true })).toBe('{\n "a_string": "x"\n}');
  });

  test.each([KindsSchema, RareSchema])("of $typeName: one that is set is as in the whole message", (desc) => {
    const writers = desc.fields.map((each) => [each.jsonName, compileFieldJsonWriter(each)] as const);
    const check = (message: Message) => {
      const whole = toJson(desc as DescMessage, message) as JsonObject;
      for (const [name, write] of writers) {
        if (Object.hasOwn(whole, name)) expect(write(message)).toBe(JSON.stringify(whole[name]));
      }
    };
    fc.assert(fc.property(arbitraryMessage(desc as DescMessage), check), parameters);
  });

  test("a message of another type is refused", () => {
    const write = compileFieldJsonWriter(field(KindsSchema, "aString"));
    expect(() => write(create(RareSchema, { aNull: NullValue.NULL_VALUE }))).toThrow("cannot use");
  });
});

describe("google.protobuf.Struct, as protobuf-es keeps it in fields", () => {
  const write = compileJsonWriter(RareSchema);

  test.each([Number.NaN, undefined, () => 1, 1n, [Number.NaN], [undefined]].map((value) => ({ value })))(
    "$value is refused",
    ({ value }) => {
      const message = create(RareSchema);
      message.aStruct = { a: value } as never;
      expect(() => write(message)).toThrow("google.protobuf");
      expect(() => toJsonString(RareSchema, message)).toThrow();
    },
  );

  test.each([
    { ["__proto__"]: 1 },
    { a: -0, b: [null, [], {}], c: "\ud800", d: { e: true } },
    [] as never,
    "x" as never,
  ])("%j is written as protobuf-es writes it", (value) => {
    const message = create(RareSchema);
    message.aStruct = value;
    expect(write(message)).toBe(toJsonString(RareSchema, message));
  });

  test("a value without a kind, or with none that JSON has, is refused", () => {
    for (const kind of [
      { case: undefined },
      { case: "boolValue", value: undefined },
      { case: "numberValue", value: Number.NaN },
    ]) {
      const message = Object.assign(create(ValueSchema), { kind });
      expect(() => compileJsonWriter(ValueSchema)(message)).toThrow("google.protobuf.Value");
    }
  });
});
