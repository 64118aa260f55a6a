import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import type { Binding } from "../rules/binding.ts";
import { fieldsByName, pathName } from "./message-fields.ts";
import { type TextType, textTypeOf } from "./text-type.ts";

/** A parameter that sets a field. */
export interface Parameter {
  readonly kind: "field";
  /** The way to the field by its names in the proto. */
  readonly name: string;
  readonly path: readonly DescField[];
  readonly parents: readonly DescField[];
  readonly field: DescField;
  readonly text: TextType;
}

interface UnknownParameter {
  readonly kind: "unknown";
}

interface RefusedParameter {
  readonly kind: "refused";
  readonly name: string;
  /** Follows the name. */
  readonly description: string;
}

export type ParameterResolver = (name: string) => Parameter | UnknownParameter | RefusedParameter;

const UNKNOWN: UnknownParameter = { kind: "unknown" };

/** Messages may hold themselves, so that there is no end to their parameters: those in use are kept, up to as many. */
const MAX_KEPT = 1000;

/**
 * Finds fields by the names of parameters: names in the proto or in JSON, joined by dots. Those that a path variable or the body sets are
 * refused: nothing overrides these. Source: google/api/http.proto, "Rules for HTTP mapping".
 *
 * @param maxDepth how many names may be joined
 */
export function createParameterResolver(
  { rpc, variables, body }: Pick<Binding, "rpc" | "variables" | "body">,
  maxDepth: number,
): ParameterResolver {
  const kept = new Map<string, Parameter>();

  const resolve: ParameterResolver = (parameterName) => {
    if (countDots(parameterName, maxDepth) >= maxDepth) return UNKNOWN;
    const found = findPath(rpc.input, parameterName.split("."));
    if (found === undefined) return UNKNOWN;
    const { path, field } = found;
    const name = pathName(path);
    const refused = (description: string) => ({ kind: "refused", name, description }) as const;
    if (variables.some((variable) => isSameWay(variable, path)))
      return refused("is set by the path, not by a parameter");
    if (body === "*" || body === path[0]) return refused("is set by the body, not by a parameter");
    const text = found.isWhole ? textTypeOf(field) : undefined;
    if (text === undefined) return refused(whyNot(field));
    return { kind: "field", name, path, parents: path.slice(0, -1), field, text };
  };

  return (parameterName) => {
    const known = kept.get(parameterName);
    if (known !== undefined) return known;
    const parameter = resolve(parameterName);
    if (parameter.kind === "field" && kept.size < MAX_KEPT) kept.set(parameterName, parameter);
    return parameter;
  };
}

interface FoundPath {
  readonly path: readonly DescField[];
  readonly field: DescField;
  /** False: the names lead on, into what has no parameters. */
  readonly isWhole: boolean;
}

/** Undefined: there is no such field. */
function findPath(input: DescMessage, names: readonly string[]): FoundPath | undefined {
  const path: DescField[] = [];
  let message: DescMessage | undefined = input;
  for (const name of names) {
    const field: DescField | undefined = message === undefined ? undefined : fieldsByName(message).get(name);
    if (field === undefined) return undefined;
    path.push(field);
    const isWhole = path.length === names.length;
    if (isWhole || isClosed(field)) return { path, field, isWhole };
    // The fields of a time are no fields in JSON.
    message = field.fieldKind === "message" && textTypeOf(field) === undefined ? field.message : undefined;
  }
  return undefined;
}

/** What may have names below it that are no fields. */
function isClosed(field: DescField): boolean {
  if (field.fieldKind === "map") return true;
  if (field.message === undefined) return false;
  return field.fieldKind === "list" || (hasCustomJsonRepresentation(field.message) && textTypeOf(field) === undefined);
}

function whyNot(field: DescField): string {
  if (field.fieldKind === "map") return "is a map, which parameters cannot set";
  if (field.fieldKind === "list") return "is a list of messages, which parameters cannot set";
  if (isClosed(field)) return `is a ${field.message?.typeName}, which parameters cannot set`;
  return "is a message, whose fields are parameters instead";
}

/** Whether one leads to, or through, where the other leads. */
function isSameWay(a: readonly DescField[], b: readonly DescField[]): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  return short.every((field, depth) => field === long[depth]);
}

function countDots(text: string, enough: number): number {
  let dots = 0;
  for (let at = text.indexOf("."); at >= 0 && dots < enough; at = text.indexOf(".", at + 1)) dots++;
  return dots;
}
