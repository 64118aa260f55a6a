import convict from "convict";
import { CONVERSIONS } from "./conversions.ts";
import type { Option, Options } from "./options.ts";

const formatOf = (kind: string) => `strict ${kind}`;

// convict's own formats take "80abc" for 80. These convert what has their form, and the option says what is allowed.
convict.addFormats(
  Object.fromEntries(
    Object.entries(CONVERSIONS).map(([kind, coerce]) => [
      formatOf(kind),
      {
        coerce,
        validate(value: unknown, schema: object) {
          if (!(schema as Option<unknown>).accepts(value)) throw new Error("not allowed");
        },
      },
    ]),
  ),
);

/**
 * The values of `options`: `given` ones, converted when they are text, or else the defaults; and the keys of those that
 * are not allowed. An option that has neither is left out of both.
 */
export function evaluate(
  options: Options,
  given: ReadonlyMap<string, unknown>,
): { values: Record<string, unknown>; wrong: Set<string> } {
  const set = Object.entries(options).filter(([key, option]) => given.has(key) || "default" in option);
  const config = convict<Record<string, unknown>>(
    // Sensitive, all of them: convict's messages shall hold no value.
    Object.fromEntries(
      set.map(([key, { accepts, kind, default: standard = null }]) => [
        key,
        { accepts, default: standard, format: formatOf(kind), sensitive: true },
      ]),
    ),
    { env: {}, args: [] },
  );

  const wrong = new Set<string>();
  for (const [key, value] of given) {
    // convict would take it for a section of options.
    if (isSection(value)) wrong.add(key);
    else config.set(key, value);
  }
  try {
    config.validate({ allowed: "strict" });
  } catch (error) {
    for (const [, key = ""] of String((error as Error).message).matchAll(/^(\w+): /gm)) wrong.add(key);
  }
  return { values: config.getProperties(), wrong };
}

function isSection(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
