import { join } from "node:path";
import { readFile } from "./layers.ts";
import { ConfigError, ENVIRONMENTS, pathToShow, type Schema } from "./load-config.ts";
import { createNames } from "./names.ts";
import type { Option, Options } from "./options.ts";
import { show } from "./show.ts";

/**
 * The reference of all options, in Markdown: a table of names, allowed values, defaults, what the files of the
 * environments set, and what each option does; and the rules.
 * @throws ConfigError when a file cannot be read, or sets what is no option
 */
export function formatReference<O extends Options>(schema: Schema<O>): string {
  const { service, options, rules = [], plainVariables = [], directory } = schema;
  const names = createNames(service, options, plainVariables);
  const files = ENVIRONMENTS.map((environment) => {
    const path = pathToShow(join(directory, `${environment}.json`));
    const { given, errors } = readFile(path, options, names);
    if (errors.length > 0) throw new ConfigError(`${path} cannot be used`, errors);
    return { environment, given };
  });
  const differences = (key: string) =>
    files.flatMap(({ environment, given }) => {
      const found = given.get(key);
      return found ? `${environment}: ${code(found.value)}` : [];
    });

  const rows = Object.entries(options).map(([key, option]) => {
    const variable = names.variable(key);
    return row([
      `\`${key}\``,
      option.secret ? `\`${variable}\` or \`${variable}_FILE\`` : `\`${variable}\``,
      option.secret ? "none: a secret" : `\`${names.flag(key)}\``,
      option.allowed,
      defaultOf(option),
      differences(key).join("<br>"),
      option.doc,
    ]);
  });
  return [
    row(["option", "variable", "flag", "allowed", "default", "in an environment", "what it does"]),
    row(Array(7).fill("---")),
    ...rows,
    "",
    ...rules.map(({ keys, rule }) => `- ${keys.map((key) => `\`${key}\``).join(", ")}: ${rule}.`),
    "",
  ].join("\n");
}

function defaultOf({ default: value, unit }: Option<unknown>): string {
  if (value === undefined) return "none: must be set";
  return `${code(value)}${unit ? ` ${unit}` : ""}`;
}

const code = (value: unknown) => `\`${show(value)}\``;

const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
