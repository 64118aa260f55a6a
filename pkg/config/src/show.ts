import type { Option } from "./options.ts";

const HIDDEN = "***";
const MAX_LENGTH = 200;

/** A value as people may read it: as JSON, shortened, passwords in URLs masked; all of it when it is a secret. */
export function show(value: unknown, option?: Option<unknown>): string {
  if (option?.secret) return HIDDEN;
  const shown = maskPasswords(JSON.stringify(value) ?? String(value));
  return shown.length > MAX_LENGTH ? `${shown.slice(0, MAX_LENGTH)}…` : shown;
}

/** A value that is allowed, as it may be shown: of secrets the outline, passwords in URLs masked. */
export function showable(value: unknown, option: Option<unknown>): unknown {
  if (option.secret) return option.outline?.(value) ?? HIDDEN;
  return JSON.parse(maskPasswords(JSON.stringify(value)));
}

/** A name that came from outside: as it is when it is harmless, else quoted and escaped. */
export function showName(name: string): string {
  return /^[\w.-]{1,100}$/.test(name) ? name : show(name);
}

/** Up to the last @ of each piece of text: a password may hold one, and it is better to hide too much. */
function maskPasswords(json: string): string {
  return json.replace(/(:\/\/[^\s:/?#@"]*):[^\s"]*@/g, `$1:${HIDDEN}@`);
}
