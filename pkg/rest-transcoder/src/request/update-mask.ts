import {
  clearField,
  create,
  type DescField,
  type DescMessage,
  getOption,
  type JsonValue,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { FieldMaskSchema, hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import { FieldBehavior, field_behavior } from "../gen/google/api/field_behavior_pb.ts";
import type { Binding } from "../rules/binding.ts";
import { everyLeaf } from "./json-leaves.ts";
import { fieldsByName, getField, pathName, setField } from "./message-fields.ts";

/** Sets the update mask of a request that has none. */
export type MaskSetter = (message: Message, body: JsonValue) => void;

export interface MaskOptions {
  /** The name of the field that carries the body's etag; undefined: there is none. */
  readonly etagField: string | undefined;
  readonly ignoreUnknownFields?: boolean | undefined;
  readonly registry?: Registry | undefined;
}

/**
 * For a PATCH whose body is a field that is a message, when the request has a google.protobuf.FieldMask named `update_mask`: one that neither
 * a parameter nor the path has set becomes the paths that are in the body, from the body's message down to fields that are no messages of
 * ours. Fields that are null count, since they are to be cleared.
 *
 * Those that the path sets and the body's etag do not count. Neither do those that are OUTPUT_ONLY, nor those in which
 * ignoreUnknownFields has dropped the name of an enum; of a list or a map, the whole is left out then, since it would be
 * replaced by less than was sent. What does not count is cleared in the message too, and so are messages that hold nothing else.
 * For when no path remains the mask stays unset, which to AIP-134 means all fields that are populated, and there must be none but the
 * path's and the etag.
 *
 * Lists and maps are replaced as a whole, with what is OUTPUT_ONLY in them, and without unknown fields in them. Undefined: the
 * binding is of another kind.
 *
 * Source: AIP-134, AIP-161, AIP-203 (OUTPUT_ONLY: "the server must clear out any value"); grpc-gateway, "PATCH".
 */
export function compileMaskSetter(
  { rpc, httpMethod, body, variables }: Pick<Binding, "rpc" | "httpMethod" | "body" | "variables">,
  { etagField, ignoreUnknownFields = false, registry }: MaskOptions,
): MaskSetter | undefined {
  const mask = rpc.input.fields.find(({ name }) => name === "update_mask");
  if (httpMethod !== "PATCH" || body === undefined || body === "*") return undefined;
  if (mask?.fieldKind !== "message" || mask.message.typeName !== FieldMaskSchema.typeName) return undefined;
  if (body.fieldKind !== "message" || hasCustomJsonRepresentation(body.message)) return undefined;

  const fromPath = variables.filter(([first]) => first === body).map(([, ...path]) => pathName(path));
  const isKept = (path: string) => path === etagField || fromPath.includes(path);
  const holdsKept = (path: string) => fromPath.some((kept) => kept.startsWith(`${path}.`));
  const isWhole = (field: DescField, value: JsonValue) => !ignoreUnknownFields || hasKnownEnums(field, value, registry);

  /** The paths in the order of the JSON. Clears what does not count. */
  const takePaths = (desc: DescMessage, message: Message, json: JsonValue, prefix: string): string[] => {
    const fields = fieldsByName(desc);
    return Object.entries(json ?? {}).flatMap(([name, value]: [string, JsonValue]) => {
      const field = fields.get(name);
      // Let through by ignoreUnknownFields.
      if (field === undefined) return [];
      const path = `${prefix}${field.name}`;
      const paths = takeField(field, message, value, path);
      if (paths.length === 0 && !isKept(path) && !holdsKept(path)) clearField(message, field);
      return paths;
    });
  };

  const takeField = (field: DescField, message: Message, value: JsonValue, path: string): string[] => {
    if (isOutputOnly(field)) return [];
    const isLeaf = field.fieldKind !== "message" || hasCustomJsonRepresentation(field.message);
    // An empty message replaces the one that is there.
    if (isLeaf || value === null || Object.keys(value).length === 0)
      return isKept(path) || !isWhole(field, value) ? [] : [path];
    return takePaths(field.message, getField(message, field) as Message, value, `${path}.`);
  };

  return (message, json) => {
    const resource = getField(message, body) as Message | undefined;
    if (resource === undefined || getField(message, mask) !== undefined) return;
    const paths = takePaths(body.message, resource, json, "");
    if (paths.length > 0) setField(message, mask, create(FieldMaskSchema, { paths }));
  };
}

/** Whether no name of an enum in it was dropped. Numbers never are. */
function hasKnownEnums(field: DescField, value: JsonValue, registry: Registry | undefined): boolean {
  return everyLeaf(
    field.parent,
    { [field.jsonName]: value },
    registry,
    ({ enum: desc }, name) =>
      desc === undefined ||
      typeof name !== "string" ||
      desc.values.some((known) => known.name === name || known.jsonName === name),
  );
}

function isOutputOnly(field: DescField): boolean {
  return getOption(field, field_behavior).includes(FieldBehavior.OUTPUT_ONLY);
}
