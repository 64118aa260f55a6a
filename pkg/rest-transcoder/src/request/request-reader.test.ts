import {
  clone,
  create,
  type DescField,
  type DescMessage,
  fromJsonString,
  type JsonValue,
  type Message,
  toJson,
  toJsonString,
} from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { assert, describe, expect, test } from "vitest";
import { arbitraryMessage } from "../../../rpc-server/test/arbitrary-message.ts";
import { KindsSchema, RareSchema } from "../../../rpc-server/test/gen/kinds/v1/kinds_pb.ts";
import { UpdateBookRequestSchema } from "../../test/library.ts";
import { isPrintable, printQuery } from "../../test/print-query.ts";
import { readerOf } from "../../test/request-of.ts";

const RUNS = { numRuns: Number(process.env.FUZZ_RUNS ?? 60), seed: 20261121 };

/** Without what no parameter can set, and without messages of which nothing is left. */
function withoutUnprintable<M extends Message>(desc: DescMessage, message: M): M {
  const copy = clone(desc, message) as M;
  prune(reflect(desc, copy));
  return copy;
}

function prune(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const value: unknown = message.get(field);
    if (!isPrintable(field)) message.clear(field);
    else if (isReflectMessage(value) && !/Timestamp|Duration|FieldMask|Value$/.test(value.desc.typeName)) {
      prune(value);
      if (value.fields.every((inner) => !value.isSet(inner))) message.clear(field);
    }
  }
}

describe("any message", () => {
  const arbitrary = arbitraryMessage(KindsSchema);

  test.each<[string, (field: DescField) => string]>([
    ["its names in the proto", (field) => field.name],
    ["its names in JSON", (field) => field.jsonName],
  ])("is what its parameters are read as, by %s", (_what, nameOf) => {
    const read = readerOf(KindsSchema, {}, { maxQueryPairs: 100_000 });
    fc.assert(
      fc.property(arbitrary, (random) => {
        const written = toJsonString<DescMessage>(KindsSchema, random);
        const message = withoutUnprintable(KindsSchema, fromJsonString(KindsSchema, written));
        const found = read({ query: printQuery(KindsSchema, message, nameOf) });
        expect(found).toEqual(message);
      }),
      RUNS,
    );
  });

  test.each<DescMessage>([KindsSchema, RareSchema])("of $typeName is what its JSON is read as", (desc) => {
    const read = readerOf(desc, { body: "*" });
    fc.assert(
      fc.property(arbitraryMessage(desc), (message) => {
        const body = toJsonString<DescMessage>(desc, message);
        expect(read({ body })).toEqual(fromJsonString(desc, body));
      }),
      RUNS,
    );
  });

  test.each([...KindsSchema.fields, ...RareSchema.fields].map((field) => [field.name, field] as const))(
    "has a field %s, which its JSON is read as",
    (_name, field) => {
      const read = readerOf(field.parent, { body: field.name });
      fc.assert(
        fc.property(arbitraryMessage(field.parent, { depth: 1 }), (message) => {
          const json = toJson(field.parent, message) as Record<string, JsonValue>;
          const value = Object.hasOwn(json, field.jsonName) ? JSON.stringify(json[field.jsonName]) : "";
          const expected =
            value === "" ? create(field.parent) : fromJsonString(field.parent, `{"${field.name}":${value}}`);
          expect(read({ body: value })).toEqual(expected);
        }),
        { ...RUNS, numRuns: Math.ceil(RUNS.numRuns / 10) },
      );
    },
  );
});

test("a body is accepted when fromJsonString accepts it, and refused when it does not", () => {
  const read = readerOf(KindsSchema, { body: "*" });
  // Pieces of JSON in any order are seldom JSON; those in braces, which differ in little, often are.
  const member = fc.constantFrom(
    ...[
      '"aString":"a"',
      '"a_string" : null',
      '"aBool":true',
      '"oneString":""',
      '"oneInt64":1',
      '"one\\u0053tring":"x"',
    ],
    ...[
      '"itself":{"aBool":true,"aBool":false}',
      '"kinds":[{},{"anInt32":"1"}]',
      '"byString":{"a":"b","\\u0061":"c"}',
      "x",
    ],
    ...['"nope":{"a":{"b":[{"c":1}]}}', '"strings":["\\"aBool\\":1", ":"]', '"aDuration":"1sx"', '"itself" \n:{}'],
  );
  const body = fc.array(member, { maxLength: 4 }).map((members) => `{${members.join(",")}}`);
  fc.assert(
    fc.property(body, (text) => {
      const outcomeOf = (parse: () => Message) => {
        try {
          return parse();
        } catch {
          return "refused";
        }
      };
      expect(outcomeOf(() => read({ body: text }))).toEqual(outcomeOf(() => fromJsonString(KindsSchema, text)));
    }),
    RUNS,
  );
});

/** Whether it is read, or refused as the client's mistake. */
function isAnswered(read: () => Message): boolean {
  try {
    read();
  } catch (error) {
    assert(error instanceof ConnectError, `${error}`);
    assert.oneOf(error.code, [Code.InvalidArgument, Code.ResourceExhausted]);
  }
  return true;
}

describe("whatever is sent, nothing but INVALID_ARGUMENT is thrown", () => {
  const names = [...KindsSchema.fields, ...RareSchema.fields].flatMap(({ name, jsonName }) => [name, jsonName]);
  const name = fc.array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...names) }, fc.string()), {
    minLength: 1,
    maxLength: 4,
  });
  const value = fc.oneof(
    fc.constantFrom("1", "", "true", "NaN", "AA==", "2026-01-01T00:00:00Z", "1s", "a,b", "%", "%ff", "1".repeat(400)),
    fc.string({ unit: "binary" }),
  );

  test("as query", () => {
    const readers = [readerOf(KindsSchema, {}), readerOf(KindsSchema, { body: "itself", variables: ["one_string"] })];
    const pair = fc.tuple(name, value).map(([path, text]) => `${path.join(".")}=${text}`);
    const query = fc.oneof(
      fc.array(pair).map((pairs) => pairs.join("&")),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(query, (text) => readers.every((read) => isAnswered(() => read({ values: ["x"], query: text })))),
      RUNS,
    );
  });

  test("as body", () => {
    const readers = [
      readerOf(KindsSchema, { body: "*", variables: ["an_int32"] }),
      readerOf(RareSchema, { body: "*" }),
      readerOf(UpdateBookRequestSchema, { httpMethod: "PATCH", body: "book" }, { ignoreUnknownFields: true }),
      ...["an_int32", "itself", "kinds", "by_int32", "a_time"].map((body) => readerOf(KindsSchema, { body })),
    ];
    const json = fc.letrec<{ any: unknown }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(value, fc.double(), fc.boolean(), fc.constant(null)),
        fc.array(tie("any"), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.constantFrom(...names, "displayTitle", "author", "@type"), fc.string()), tie("any"), {
          maxKeys: 4,
        }),
      ),
    })).any;
    const body = fc.oneof(
      json.map((found) => new TextEncoder().encode(JSON.stringify(found) ?? "")),
      fc.string({ unit: "binary" }).map((text) => new TextEncoder().encode(text)),
      fc.uint8Array(),
    );
    fc.assert(
      fc.property(body, (bytes) => readers.every((read) => isAnswered(() => read({ values: ["1"], body: bytes })))),
      RUNS,
    );
  });

  test("as path variables", () => {
    const singular = KindsSchema.fields.filter((field) => field.fieldKind === "scalar" || field.fieldKind === "enum");
    const variables = [
      ...singular.filter(({ oneof }) => oneof === undefined).map((field) => field.name),
      "a_time",
      "a_mask",
    ];
    const readers = variables.map((variable) => readerOf(KindsSchema, { variables: [variable] }));
    fc.assert(
      fc.property(value, (text) => readers.every((read) => isAnswered(() => read({ values: [text] })))),
      RUNS,
    );
  });
});

describe("what is made to be slow is answered at once", () => {
  const read = readerOf(KindsSchema, {});
  const whole = readerOf(KindsSchema, { body: "*" }, { ignoreUnknownFields: true });
  const strict = readerOf(KindsSchema, { body: "*" });
  const deep = (depth: number) => `${'{"itself":'.repeat(depth)}{"nope":1}${"}".repeat(depth)}`;
  const manyDeep = `{"kinds":[${Array(2000).fill(deep(40)).join(",")}]}`;

  // A second is far above what any takes, and far below what one with quadratic cost would. Of this thread's time on a
  // processor, so that it holds on a busy machine.
  test.each<[string, () => Message]>([
    ["names joined by dots", () => read({ query: `${"a.".repeat(8192)}=1` })],
    ["fields joined by dots", () => read({ query: `${"itself.".repeat(2340)}a_string=1` })],
    ["dots", () => read({ query: ".".repeat(16_384) })],
    ["equals signs", () => read({ query: "=".repeat(16_384) })],
    ["ampersands", () => read({ query: "&".repeat(1_000_000) })],
    ["escapes", () => read({ query: `a_string=${"%20".repeat(300_000)}` })],
    ["digits", () => read({ query: `an_int64=${"1".repeat(1_000_000)}` })],
    ["digits of a double", () => read({ query: `a_double=${"1".repeat(1_000_000)}x` })],
    ["padding", () => read({ query: `some_bytes=${"=".repeat(1_000_000)}x` })],
    ["commas", () => read({ query: `a_mask=${"a,".repeat(100_000)}a` })],
    [
      "a thousand parameters",
      () => read({ query: Array.from({ length: 1000 }, (_, i) => `itself.itself.int32s=${i}`).join("&") }),
    ],
    ["a thousand unknown ones", () => read({ query: Array.from({ length: 1000 }, (_, i) => `x${i}=`).join("&") })],
    ["open brackets", () => whole({ body: "[".repeat(1_000_000) })],
    ["open quotes", () => whole({ body: '"'.repeat(1_000_001) })],
    ["backslashes", () => whole({ body: `"${"\\".repeat(1_000_001)}` })],
    ["spaces", () => whole({ body: `{"a"${" ".repeat(1_000_000)}:1}` })],
    [
      "many names",
      () =>
        whole({ body: JSON.stringify(Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`x${i}`, 1]))) }),
    ],
    [
      "many mistakes",
      () =>
        strict({ body: JSON.stringify({ int32s: Array(100_000).fill("x"), kinds: Array(100_000).fill({ nope: 1 }) }) }),
    ],
    ["mistakes that are deep", () => strict({ body: manyDeep })],
  ])("%s", (_what, call) => {
    const start = process.threadCpuUsage();
    expect(isAnswered(call)).toBe(true);
    expect(process.threadCpuUsage(start).user).toBeLessThan(1_000_000);
  });
});
