import type { LoadedConfig } from "./load-config.ts";
import type { Options } from "./options.ts";
import { showable } from "./show.ts";

/** The values in force as a table with their origins, for people: secrets and passwords masked. Ends with a line break. */
export function formatConfig<O extends Options>(config: LoadedConfig<O>, options: O): string {
  const rows = Object.entries(options).map(([key, option]) => [
    key,
    `${JSON.stringify(showable(config.values[key], option))}${option.unit ? ` ${option.unit}` : ""}`,
    config.origins[key]?.where ?? "",
  ]);
  const table = [["option", "value", "from"], ...rows];
  const widths = [0, 1].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [`APP_ENV=${config.environment}`, "", ...lines, ""].join("\n");
}

/** The same as JSON, for machines: `{"environment": …, "options": {<key>: {"value": …, "from": …}}}`. */
export function formatConfigAsJson<O extends Options>(config: LoadedConfig<O>, options: O): string {
  const entries = Object.entries(options).map(([key, option]) => [
    key,
    { value: showable(config.values[key], option), from: config.origins[key]?.where },
  ]);
  return `${JSON.stringify({ environment: config.environment, options: Object.fromEntries(entries) }, null, 2)}\n`;
}
