import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { FieldMask } from "@bufbuild/protobuf/wkt";

/** One path of a mask that cannot be used; the shape of `google.rpc.BadRequest.FieldViolation`. */
export interface FieldMaskViolation {
  /** The path as the client sent it. */
  readonly path: string;
  /** Why it cannot be used, for the client's developer. */
  readonly description: string;
}

/** The client's field mask cannot be used. Maps to INVALID_ARGUMENT (AIP-161). */
export class FieldMaskError extends Error {
  override readonly name = "FieldMaskError";
  /** Every path that is wrong, in the mask's order, each once; of more than 100, the first 100. At least one. */
  readonly violations: readonly FieldMaskViolation[];

  constructor(violations: readonly FieldMaskViolation[]) {
    super(`field mask with ${violations.length} invalid path(s), the first: ${violations[0]?.description}`);
    this.violations = violations;
  }
}

/** What `resolveUpdateMask` works on. `Path` is the union of the entries of `mutable`. */
export interface UpdateMaskOptions<Desc extends DescMessage, Path extends string> {
  /** The resource's schema. */
  readonly schema: Desc;
  /** The resource as the client sent it. */
  readonly message: MessageShape<Desc>;
  /** The request's `update_mask`. Its paths are proto names: protobuf-es has converted the camelCase of JSON. */
  readonly mask: FieldMask | undefined;
  /**
   * What clients may change: proto field names (`display_name`), or paths into singular messages (`address.city`). A
   * message listed by its name only is replaced as a whole.
   */
  readonly mutable: readonly Path[];
}

/**
 * The mutable fields that an update request changes, in the order of `mutable`, each once (AIP-134, AIP-161).
 *
 * - Without a mask, or with an empty one: those that are populated in `message`. A field with implicit presence (a
 *   proto3 scalar that is not `optional`) is populated when it is not zero, so only a mask can set it to zero.
 * - `*`, alone: all of them, those not populated included: a full replacement.
 * - A path: that field, populated or not, or all mutable ones below it. What is not mutable below it stays (AIP-161).
 *
 * A path that is malformed, unknown to the schema, or not mutable is refused. So is one that leads into a scalar, an
 * enum, a list or a map, or into a message that is only mutable as a whole.
 *
 * @throws {FieldMaskError} with all violations
 * @throws {TypeError} when `mutable` has a path that the schema does not have: a mistake in the calling program
 */
export function resolveUpdateMask<Desc extends DescMessage, const Path extends string>(
  options: UpdateMaskOptions<Desc, Path>,
): Path[] {
  const { schema, message, mask, mutable } = options;
  const targets = mutable.map((path) => ({ path, fields: mutableFields(schema, path) }));
  if (mask === undefined || mask.paths.length === 0) {
    const root = reflect(schema, message);
    return targets.filter(({ fields }) => isPopulated(root, fields)).map(({ path }) => path);
  }
  const paths = new Set(mask.paths);
  if (paths.size === 1 && paths.has("*")) {
    return [...mutable];
  }
  const violations = findViolations(paths, schema, mutable);
  if (violations.length > 0) {
    throw new FieldMaskError(violations);
  }
  return mutable.filter((path) => ancestry(path).some((ancestor) => paths.has(ancestor)));
}

// A mask of a few MB holds a million wrong paths; answering each would cost a hundred times its size in memory.
const maxViolations = 100;

function findViolations(paths: Iterable<string>, schema: DescMessage, mutable: readonly string[]) {
  const selectable = new Set(mutable.flatMap(ancestry));
  const violations: FieldMaskViolation[] = [];
  for (const path of paths) {
    if (!selectable.has(path)) {
      violations.push({ path, description: problemWith(path, schema, mutable) });
    }
    if (violations.length === maxViolations) {
      break;
    }
  }
  return violations;
}

// Identifiers of the protobuf language, joined by dots. Keys in backticks and * for an element (AIP-161) are not taken.
const fieldPath = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;

/** Why a path that selects nothing mutable cannot be used. */
function problemWith(path: string, schema: DescMessage, mutable: readonly string[]): string {
  if (path === "*") {
    return "* stands for all fields and must be the only path";
  }
  if (!fieldPath.test(path)) {
    return "not a field path: names in snake_case, joined by dots, without spaces";
  }
  const found = findFields(schema, path);
  if (typeof found === "string") {
    return found;
  }
  const whole = mutable.find((candidate) => path.startsWith(`${candidate}.`));
  if (whole !== undefined) {
    return `${whole} can only be updated as a whole`;
  }
  return `not a field that can be updated; those are: ${mutable.join(", ")}`;
}

/** `a.b.c` → `a`, `a.b`, `a.b.c` */
function ancestry(path: string): string[] {
  const names = path.split(".");
  return names.map((_, index) => names.slice(0, index + 1).join("."));
}

/** The fields along a path, the last being the one it names; a sentence when the schema has no such path. */
function findFields(schema: DescMessage, path: string): DescField[] | string {
  const fields: DescField[] = [];
  let parent: DescMessage | undefined = schema;
  for (const name of path.split(".")) {
    if (parent === undefined) {
      return `${fields.at(-1)?.name} is not a singular message, so no path leads into it`;
    }
    const field: DescField | undefined = parent.fields.find((candidate) => candidate.name === name);
    if (field === undefined) {
      return `${parent.typeName} has no field ${name}`;
    }
    fields.push(field);
    parent = field.fieldKind === "message" ? field.message : undefined;
  }
  return fields;
}

function mutableFields(schema: DescMessage, path: string): DescField[] {
  const fields = findFields(schema, path);
  if (typeof fields === "string") {
    throw new TypeError(`mutable path "${path}": ${fields}`);
  }
  return fields;
}

function isPopulated(root: ReflectMessage, fields: readonly DescField[]): boolean {
  let message = root;
  for (const field of fields) {
    if (!message.isSet(field)) {
      return false;
    }
    if (field.fieldKind === "message") {
      message = message.get(field);
    }
  }
  return true;
}
