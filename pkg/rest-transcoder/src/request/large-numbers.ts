import { type DescMessage, type JsonValue, type Registry, ScalarType } from "@bufbuild/protobuf";
import { badRequest, MAX_VIOLATIONS, type Violation } from "./bad-request.ts";
import { everyLeaf } from "./json-leaves.ts";

/** Sixteen digits, or an exponent: nothing shorter is 2^53. Finds too much, in text too: that is looked at. */
const MAY_BE_LARGE = /\d{16}|\d[eE]\+?\d/;

/** Throws for numbers that JSON.parse may have rounded. */
export type LargeNumberCheck = (json: JsonValue, text: string) => void;

/**
 * Refuses JSON numbers of 2^53 and more for 64-bit integers: JSON.parse has rounded them, and what was sent is not known any more. As
 * text they are exact. Undefined: the message can have none.
 *
 * Source: RFC 8259, 6; ProtoJSON: int64 is written as text, and read as either.
 */
export function compileLargeNumberCheck(
  desc: DescMessage,
  registry: Registry | undefined,
): LargeNumberCheck | undefined {
  if (!mayHaveLong(desc, registry !== undefined, new Set())) return undefined;
  return (json, text) => {
    if (!MAY_BE_LARGE.test(text)) return;
    const violations: Violation[] = [];
    everyLeaf(desc, json, registry, ({ scalar }, value, path) => {
      if (isLong(scalar) && typeof value === "number" && !Number.isSafeInteger(value))
        violations.push({ field: path(), description: "is too large for a JSON number: send it as text" });
      return violations.length < MAX_VIOLATIONS;
    });
    if (violations.length > 0) throw badRequest(violations);
  };
}

function mayHaveLong(desc: DescMessage, hasRegistry: boolean, seen: Set<DescMessage>): boolean {
  if (seen.has(desc)) return false;
  seen.add(desc);
  if (desc.typeName === "google.protobuf.Any") return hasRegistry;
  return desc.fields.some(
    ({ scalar, message }) => isLong(scalar) || (message !== undefined && mayHaveLong(message, hasRegistry, seen)),
  );
}

function isLong(scalar: ScalarType | undefined): boolean {
  return scalar !== undefined && LONG.has(scalar);
}

const LONG: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.SINT64,
  ScalarType.SFIXED64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
]);
