/** JSON with line breaks and indentation, numbers with all their digits. */
export function prettyJson(text: string, spaces: number): string {
  return JSON.stringify(JSON.parse(text, keepDigits), null, spaces);
}

/** ECMAScript's "JSON.parse source text access", which TypeScript's library does not have yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
const keepDigits = ((_key: string, value: unknown, { source }: { source: string }) =>
  typeof value === "number" ? rawJSON(source) : value) as (this: unknown, key: string, value: unknown) => unknown;
