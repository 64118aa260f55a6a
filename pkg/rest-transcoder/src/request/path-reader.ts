import { type DescField, equals, type Message, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import type { Binding } from "../rules/binding.ts";
import { badRequest } from "./bad-request.ts";
import { findRival, getField, openMessage, pathName, setField } from "./message-fields.ts";
import { type TextType, textTypeOf } from "./text-type.ts";

interface Variable {
  readonly name: string;
  readonly path: readonly DescField[];
  readonly parents: readonly DescField[];
  readonly field: DescField;
  readonly text: TextType;
}

/** @throws ConnectError INVALID_ARGUMENT */
export type PathReader = (message: Message, values: readonly string[]) => void;

/**
 * Sets the fields that the path has. What the body has set too may be the same value, so that a resource that was read can be sent back
 * whole; another is refused. A field without presence that is zero is not set.
 *
 * @throws TypeError for a variable whose field no text can be the value of
 */
export function compilePathReader({ variables, body }: Pick<Binding, "variables" | "body">): PathReader {
  const compiled = variables.map(compileVariable);
  return (message, values) => {
    for (let i = 0; i < compiled.length; i++) {
      const variable = compiled[i] as Variable;
      const value = variable.text.read(values[i] as string);
      if (value === undefined) throw badRequest([{ field: variable.name, description: variable.text.expected }]);
      assertFree(message, variable, value, body !== undefined);
      setField(openMessage(message, variable.parents), variable.field, value);
    }
  };
}

function compileVariable(declared: readonly DescField[]): Variable {
  const path = beforeWrapped(declared);
  const field = path.at(-1);
  const text = field === undefined ? undefined : textTypeOf(field);
  if (field === undefined || text === undefined || field.fieldKind === "list") {
    throw new TypeError(`the path variable ${pathName(declared)} is no field that text can be the value of`);
  }
  return { name: pathName(declared), path, parents: path.slice(0, -1), field, text };
}

/** protobuf-es has no message for most wrappers, which are their value. */
function beforeWrapped(path: readonly DescField[]): readonly DescField[] {
  const wrapper = path.findIndex(({ message }) => message !== undefined && isWrapperDesc(message));
  return wrapper < 0 ? path : path.slice(0, wrapper + 1);
}

function assertFree(message: Message, { name, path, field }: Variable, value: unknown, hasBody: boolean): void {
  const rival = findRival(message, path);
  if (rival !== undefined) {
    throw badRequest([{ field: rival, description: `cannot be set together with ${name}, which is in the path` }]);
  }
  if (!hasBody) return;
  const sent = peek(message, path);
  if (sent === undefined || isSame(field, sent, value) || isImplicitZero(field, sent)) return;
  throw badRequest([{ field: name, description: "has another value in the body than in the path" }]);
}

function peek(message: Message, path: readonly DescField[]): unknown {
  let current: unknown = message;
  for (const field of path) {
    if (current === undefined) return undefined;
    current = getField(current as Message, field);
  }
  return current;
}

function isSame({ message }: DescField, a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array) === 0;
  if (message !== undefined && typeof a === "object") return equals(message, a as Message, b as Message);
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}

const IMPLICIT = 2;

function isImplicitZero({ presence, scalar }: DescField, value: unknown): boolean {
  if (presence !== IMPLICIT) return false;
  if (value instanceof Uint8Array) return value.length === 0;
  // With jstype = JS_STRING a 64-bit integer is text.
  return ZEROS.has(value) || (value === "0" && scalar !== ScalarType.STRING);
}

const ZEROS = new Set<unknown>([0, 0n, "", false]);
