/** JSON Schema as OpenAPI has it; its keywords are copied or dropped, few are looked at. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

const REFERENCE = "#/definitions/";
/** What Kubernetes writes as text or as a number, though its OpenAPI says text. */
const TEXT_OR_NUMBER = { anyOf: [{ type: "string" }, { type: "number" }] };
const QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity";
/** Not for checking; most of the size. */
const DROPPED = /^(description|default|example|externalDocs|nullable|format|x-kubernetes-.*)$/;

/**
 * A schema of Kubernetes' OpenAPI as one JSON Schema that stands alone and refuses fields that it does not know. Holds the
 * definitions that it refers to, and no descriptions.
 */
export function closedSchema(schema: Schema, definitions: Readonly<Record<string, Schema>>): Schema {
  const used: Record<string, Schema> = {};

  function closed(node: Schema): Schema {
    if (node["x-kubernetes-int-or-string"] || node.format === "int-or-string") return TEXT_OR_NUMBER;
    const result: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(node)) {
      if (keyword === "$ref") result.$ref = use(String(value));
      else if (keyword === "properties") result.properties = closedEach(value as Record<string, Schema>);
      else if (!DROPPED.test(keyword)) result[keyword] = closedValue(value);
    }
    // Of anyOf and oneOf the parts add rules to fields that the schema around them names.
    const isWhole = node.type === "object" && node.properties && !node.additionalProperties;
    if (isWhole && !node["x-kubernetes-preserve-unknown-fields"]) result.additionalProperties = false;
    return result;
  }

  function closedEach(properties: Readonly<Record<string, Schema>>): Record<string, Schema> {
    return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, closed(property)]));
  }

  function closedValue(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(closedValue);
    return typeof value === "object" && value !== null ? closed(value as Schema) : value;
  }

  function use(reference: string): string {
    const name = reference.slice(REFERENCE.length);
    const definition = definitions[name];
    if (!definition) throw new Error(`${reference} leads nowhere`);
    if (!(name in used)) {
      // Before its parts are looked at, which may refer to it.
      used[name] = {};
      used[name] = name === QUANTITY ? TEXT_OR_NUMBER : closed(definition);
    }
    return reference;
  }

  const top = closed(schema);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    ...top,
    ...(Object.keys(used).length > 0 && { definitions: used }),
  };
}
