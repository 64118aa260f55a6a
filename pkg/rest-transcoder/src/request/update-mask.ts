import { create, type DescField, type DescMessage, getOption, type JsonValue, type Message } from "@bufbuild/protobuf";
import { FieldMaskSchema, hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import { FieldBehavior, field_behavior } from "../gen/google/api/field_behavior_pb.ts";
import type { Binding } from "../rules/binding.ts";
import { fieldsByName, getField, setField } from "./message-fields.ts";

/** Sets the update mask of a request that has none. */
export type MaskSetter = (message: Message, body: JsonValue) => void;

/**
 * For a PATCH whose body is a field that is a message, when the request has a google.protobuf.FieldMask named `update_mask`: one that neither
 * a parameter nor the path has set becomes the paths that are in the body, from the body's message down to fields that are no messages of
 * ours. Fields that are null count, since they are to be cleared. Those that the path sets, that are OUTPUT_ONLY, and the
 * body's etag do not. When none remains the mask stays unset, which to AIP-134 means all fields that are populated: there are none but
 * these. Undefined: the binding is of another kind.
 *
 * Source: AIP-134, AIP-161; grpc-gateway, "PATCH".
 */
export function compileMaskSetter(
  { rpc, httpMethod, body, variables }: Pick<Binding, "rpc" | "httpMethod" | "body" | "variables">,
  etagField: string | undefined,
): MaskSetter | undefined {
  const mask = rpc.input.fields.find(({ name }) => name === "update_mask");
  if (httpMethod !== "PATCH" || body === undefined || body === "*") return undefined;
  if (mask?.fieldKind !== "message" || mask.message.typeName !== FieldMaskSchema.typeName) return undefined;
  if (body.fieldKind !== "message" || hasCustomJsonRepresentation(body.message)) return undefined;

  const { message: resource } = body;
  const fromPath = new Set(
    variables
      .filter(([first]) => first === body)
      .map((path) =>
        path
          .map(({ name }) => name)
          .slice(1)
          .join("."),
      ),
  );
  const isExcepted = (field: DescField, path: string) =>
    fromPath.has(path) || path === etagField || isOutputOnly(field);

  return (message, json) => {
    if (getField(message, mask) !== undefined) return;
    const paths = pathsIn(resource, json, "", isExcepted);
    if (paths.length > 0) setField(message, mask, create(FieldMaskSchema, { paths }));
  };
}

/** In the order of the JSON. What it does not know was let through by ignoreUnknownFields. */
function pathsIn(
  desc: DescMessage,
  json: JsonValue,
  prefix: string,
  isExcepted: (field: DescField, path: string) => boolean,
): string[] {
  const fields = fieldsByName(desc);
  return Object.entries(json ?? {}).flatMap(([name, value]: [string, JsonValue]) => {
    const field = fields.get(name);
    if (field === undefined) return [];
    const path = `${prefix}${field.name}`;
    if (isExcepted(field, path)) return [];
    const isLeaf = field.fieldKind !== "message" || hasCustomJsonRepresentation(field.message);
    // An empty message replaces the one that is there.
    if (isLeaf || value === null || Object.keys(value).length === 0) return [path];
    return pathsIn(field.message, value, `${path}.`, isExcepted);
  });
}

function isOutputOnly(field: DescField): boolean {
  return getOption(field, field_behavior).includes(FieldBehavior.OUTPUT_ONLY);
}
