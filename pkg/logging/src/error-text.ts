import { types } from "node:util";

const MAX_CAUSES = 8;

/**
 * An error as text: its stack, its `code` in brackets, and what caused it, up to eight causes. Nothing else of it: the
 * other properties of an error can hold secrets, as a pool's error holds its client. Never throws. Not redacted.
 */
export function errorText(error: Error): string {
  const lines: string[] = [];
  const waiting: unknown[] = [error];
  const seen = new Set<unknown>();
  while (waiting.length > 0) {
    const next = waiting.shift();
    if (seen.has(next)) continue;
    if (seen.size > MAX_CAUSES) {
      lines.push("caused by more, left out");
      break;
    }
    seen.add(next);
    lines.push(`${seen.size > 1 ? "caused by: " : ""}${isError(next) ? stackOf(next) : describe(next)}`);
    if (isError(next)) waiting.unshift(...causesOf(next));
  }
  return lines.join("\n");
}

/** Whether it is an error, of another realm too. Never throws, as `instanceof` does for a revoked proxy. */
export function isError(value: unknown): value is Error {
  try {
    return types.isNativeError(value) || value instanceof Error;
  } catch {
    return false;
  }
}

function stackOf(error: Error): string {
  try {
    const { stack, code } = error as { readonly stack?: unknown; readonly code?: unknown };
    const isCode = typeof code === "string" || typeof code === "number";
    return `${typeof stack === "string" ? stack : `${error.name}: ${error.message}`}${isCode ? ` [${code}]` : ""}`;
  } catch {
    return "an error that cannot be read";
  }
}

function causesOf(error: Error): unknown[] {
  try {
    return [error.cause ?? [], error instanceof AggregateError ? error.errors.slice(0, MAX_CAUSES + 1) : []].flat();
  } catch {
    return [];
  }
}

/** What was thrown or given as a cause and is no error; the properties of an object stay out here too. */
function describe(value: unknown): string {
  try {
    if (typeof value === "object" || typeof value === "function") return Object.prototype.toString.call(value);
    return String(value);
  } catch {
    return "[unreadable]";
  }
}
