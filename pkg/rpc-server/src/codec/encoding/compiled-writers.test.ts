import {
  create,
  type DescMessage,
  type JsonWriteOptions,
  type Message,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { DurationSchema, type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryMessage } from "../../../test/arbitrary-message.ts";
import { KindsSchema, RareSchema } from "../../../test/gen/kinds/v1/kinds_pb.ts";
import { compileBinaryWriter } from "./binary-writer.ts";
import { compileJsonWriter } from "./json-writer.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 40), seed: 20261121 };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const THROWS = "throws";

/** What comes of it, or that it throws. */
function outcome(write: () => string | Uint8Array): string {
  try {
    const written = write();
    return typeof written === "string" ? written : hex(written);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return THROWS;
  }
}

const JSON_OPTIONS: readonly Partial<JsonWriteOptions & { prettySpaces: number }>[] = [
  {},
  { alwaysEmitImplicit: true },
  { enumAsInteger: true, useProtoFieldName: true },
  { prettySpaces: 2 },
];

describe.each([KindsSchema, RareSchema, TimestampSchema, DurationSchema])("$typeName", (desc: DescMessage) => {
  describe.each([false, true])("with bad values: %s", (hasBad) => {
    const messages = arbitraryMessage(desc, { hasBad });

    test.each(JSON_OPTIONS)("is written as protobuf-es writes its JSON with %j", (options) => {
      const write = compileJsonWriter(desc, options);
      const check = (message: Message) => {
        const expected = outcome(() => toJsonString(desc, message, options));
        expect(outcome(() => write(message))).toBe(expected);
        if (!hasBad) expect(expected).not.toBe(THROWS);
      };
      fc.assert(fc.property(messages, check), parameters);
    });

    test.each([{}, { writeUnknownFields: false }])("is written as protobuf-es writes its bytes with %j", (options) => {
      const write = compileBinaryWriter(desc, options);
      const check = (message: Message, data: Uint8Array) => {
        message.$unknown = [{ no: 1_000, wireType: 2, data: Uint8Array.of(data.length, ...data) }];
        const expected = outcome(() => toBinary(desc, message, options));
        expect(outcome(() => write(message))).toBe(expected);
        if (!hasBad) {
          expect(expected).not.toBe(THROWS);
          // protobuf-es, which takes over where ours fails, makes no Buffers.
          expect(Buffer.isBuffer(write(message))).toBe(true);
        }
      };
      fc.assert(fc.property(messages, fc.uint8Array({ maxLength: 5 }), check), parameters);
    });
  });
});

test("a message of another type is refused", () => {
  const foreign = create(TimestampSchema, { nanos: 1 }) as Message;
  expect(() => compileJsonWriter(KindsSchema)(foreign)).toThrow("cannot use");
  expect(() => compileBinaryWriter(KindsSchema)(foreign)).toThrow("cannot use");
  const within = create(KindsSchema, { itself: foreign as never });
  within.aTime = create(KindsSchema) as unknown as Timestamp;
  expect(() => compileJsonWriter(KindsSchema)(within)).toThrow();
  expect(() => compileBinaryWriter(KindsSchema)(within)).toThrow();
});

test("a large message leaves nothing behind that changes the next one", () => {
  const write = compileBinaryWriter(KindsSchema);
  const large = create(KindsSchema, { aString: "x".repeat(200_000) });
  const small = create(KindsSchema, { aString: "y" });
  for (const message of [small, large, small]) expect(hex(write(message))).toBe(hex(toBinary(KindsSchema, message)));
});

test("what was written stays as it is when the next message is", () => {
  const write = compileBinaryWriter(KindsSchema);
  const first = write(create(KindsSchema, { aString: "first" }));
  write(create(KindsSchema, { aString: "other" }));
  expect(hex(first)).toBe(hex(toBinary(KindsSchema, create(KindsSchema, { aString: "first" }))));
});
