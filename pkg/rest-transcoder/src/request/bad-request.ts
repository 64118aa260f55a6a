import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../gen/google/rpc/error_details_pb.ts";

/** What is wrong with a field or a parameter. Quotes no values, since errors end up in logs. */
export interface Violation {
  /** The way to the field by its names in the proto, `user.id`; of what is unknown, the client's name for it. */
  readonly field: string;
  /** Follows the field's name and a colon: `must be true or false`. */
  readonly description: string;
}

/** A request has few fields, but an attacker's may break a rule a thousand times. */
export const MAX_VIOLATIONS = 100;
const MAX_NAMED = 5;

/** INVALID_ARGUMENT with a google.rpc.BadRequest; the first 100 violations are kept. Source: AIP-193. */
export function badRequest(violations: readonly Violation[]): ConnectError {
  const fieldViolations = violations.slice(0, MAX_VIOLATIONS).map(({ field, description }) => ({ field, description }));
  const named = violations.slice(0, MAX_NAMED).map(({ field, description }) => `${field}: ${description}`);
  const more = violations.length > MAX_NAMED ? `; and ${violations.length - MAX_NAMED} more` : "";
  return new ConnectError(`${named.join("; ")}${more}`, Code.InvalidArgument, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations } },
  ]);
}

/** For what is wrong with the request as a whole. */
export function invalidArgument(message: string, cause?: unknown): ConnectError {
  return new ConnectError(message, Code.InvalidArgument, undefined, undefined, cause);
}

const MAX_NAME_CHARS = 100;

/** A name of a client's making, so that it can stand in a log: short, in ASCII, without spaces and control characters. */
export function printable(name: string): string {
  const start = name.slice(0, MAX_NAME_CHARS);
  const escaped = start.replace(/[^\w.$[\]@-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return name.length > MAX_NAME_CHARS ? `${escaped}...` : escaped;
}
