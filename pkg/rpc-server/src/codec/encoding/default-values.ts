import { type DescField, ScalarType } from "@bufbuild/protobuf";

/**
 * Tells whether a value is the one that a field of implicit presence has when it is not set: it is not written then.
 * Source: protobuf.dev, "Application Note: Field Presence".
 */
export function isDefault(field: DescField): (value: unknown) => boolean {
  if (field.enum !== undefined) {
    const zero = field.enum.values[0]?.number;
    return (value) => value === zero;
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return (value) => value === "";
    case ScalarType.BOOL:
      return (value) => value === false;
    case ScalarType.BYTES:
      return (value) => value instanceof Uint8Array && value.length === 0;
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      // -0 is not 0.
      return (value) => Object.is(value, 0);
    default:
      // 64-bit integers may be kept as text.
      return (value) => value === 0 || value === 0n || value === "0";
  }
}
