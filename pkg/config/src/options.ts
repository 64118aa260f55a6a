import { type Kind, LONGEST_MS } from "./conversions.ts";

/** One option: what it is for, what it may be, and how text becomes its value. Made by the builders below. */
export interface Option<T> {
  /** What the option does: a sentence for the reader of the reference. */
  readonly doc: string;
  /** Absent: the option must be set. */
  readonly default?: T;
  /** What a plain number counts. */
  readonly unit?: "ms" | "bytes";
  /** Never written out, and never taken from a flag or a configuration file. */
  readonly secret?: true;
  /** What may be shown of a secret that is allowed. Default: nothing. */
  readonly outline?: (value: unknown) => string;
  /** What follows "must be" in an error, and stands in the reference. */
  readonly allowed: string;
  readonly kind: Kind;
  /** Whether a value, once it is converted, is allowed. */
  readonly accepts: (value: unknown) => boolean;
}

/** The options of a service, by their keys in camelCase. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values that options get. */
export type Values<O extends Options> = { readonly [Key in keyof O]: O[Key] extends Option<infer T> ? T : never };

/** What every builder takes. Without a default the option must be set. */
export interface Described<T> {
  readonly doc: string;
  readonly default?: T;
}

/** A number's smallest and largest value, both allowed. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** A TCP port. */
export function port(option: Described<number>): Option<number> {
  return {
    ...option,
    kind: "integer",
    allowed: "a port number, 0 (any free one) to 65535",
    accepts: isWithin(0, 65_535),
  };
}

/** A time in milliseconds, given as such or as `"250ms"`, `"5s"`, `"2m"`, `"1h"`. Default range: all that timers can hold. */
export function milliseconds({ min = 0, max = LONGEST_MS, ...option }: Described<number> & Range): Option<number> {
  return {
    ...option,
    kind: "duration",
    unit: "ms",
    allowed: `a time, ${min} to ${max} ms: 5000, 250ms, 5s, 2m, 1h`,
    accepts: isWithin(min, max),
  };
}

/** A size in bytes, given as such or as `"16KiB"`, `"4MiB"`, `"1GiB"`. */
export function bytes({ min = 0, max, ...option }: Described<number> & Range): Option<number> {
  return {
    ...option,
    kind: "size",
    unit: "bytes",
    allowed: `a size, ${rangeOf(min, max)} bytes: 65536, 16KiB, 4MiB, 1GiB`,
    accepts: isWithin(min, max),
  };
}

/** A whole number. Default range: from 1. */
export function count({ min = 1, max, ...option }: Described<number> & Range): Option<number> {
  return {
    ...option,
    kind: "integer",
    allowed: `a whole number, ${rangeOf(min, max)}`,
    accepts: isWithin(min, max),
  };
}

/** A part of a whole, 0 (none) to 1 (all). */
export function share(option: Described<number>): Option<number> {
  return {
    ...option,
    kind: "fraction",
    allowed: "a number from 0 to 1, such as 0.25",
    accepts: (value) => typeof value === "number" && value >= 0 && value <= 1,
  };
}

/** A switch. `--key` alone is `--key=true`. */
export function flag(option: Described<boolean>): Option<boolean> {
  return { ...option, kind: "flag", allowed: "true or false", accepts: (value) => typeof value === "boolean" };
}

/** Any text. */
export function text(option: Described<string>): Option<string> {
  return { ...option, kind: "text", allowed: "text", accepts: isText };
}

/** Items without commas in them: separated by commas, or an array in a file. */
export function list(option: Described<readonly string[]>): Option<readonly string[]> {
  return { ...option, kind: "list", allowed: "a list: a,b,c", accepts: isListOf(isText) };
}

/** One of some words. */
export function oneOf<const T extends string>(words: readonly T[], option: Described<NoInfer<T>>): Option<T> {
  return {
    ...option,
    kind: "text",
    allowed: `one of ${words.join(", ")}`,
    accepts: (value) => words.some((word) => word === value),
  };
}

/** An absolute URL. Default protocols: http and https. */
export function url({ protocols = WEB, ...option }: Described<string> & Protocols): Option<string> {
  return { ...option, kind: "text", allowed: `a URL such as ${example(protocols)}`, accepts: isUrl(protocols) };
}

/** Several absolute URLs. Default protocols: http and https. */
export function urls({
  protocols = WEB,
  ...option
}: Described<readonly string[]> & Protocols): Option<readonly string[]> {
  return {
    ...option,
    kind: "list",
    allowed: `a list of URLs such as ${example(protocols)}`,
    accepts: isListOf(isUrl(protocols)),
  };
}

/** Web origins exactly as browsers send them in `Origin` (RFC 6454), or `*` for any. */
export function origins(option: Described<readonly string[]>): Option<readonly string[]> {
  return {
    ...option,
    kind: "list",
    allowed: "a list of origins such as https://app.example.com, without a path, or *",
    accepts: isListOf((value) => value === "*" || (isUrl(WEB)(value) && new URL(String(value)).origin === value)),
  };
}

/** Text that nobody may read: shown as ***. Must be set. */
export function secret({ doc, allowed = "a secret" }: { readonly doc: string; readonly allowed?: string }) {
  const option: Option<string> = {
    doc,
    allowed,
    kind: "text",
    secret: true,
    accepts: (value) => isText(value) && value !== "",
  };
  return option;
}

/**
 * The URL of a PostgreSQL database. A secret, since it holds a password; only host and database are shown. An `sslmode` must
 * be one that pg knows: with another one it would take its own default without a word. Must be set.
 */
export function postgresUrl({ doc }: { readonly doc: string }): Option<string> {
  const allowed = `a URL such as postgresql://user:password@localhost:5432/database; its sslmode, if any: ${SSL_MODES}`;
  return { ...secret({ doc, allowed }), accepts: isPostgresUrl, outline: outlineUrl };
}

/** https://github.com/brianc/node-postgres/tree/master/packages/pg-connection-string#tcp-connections */
const SSL_MODES = "verify-full, verify-ca, require, prefer, no-verify or disable";

function isPostgresUrl(value: unknown): boolean {
  if (!isUrl(["postgresql", "postgres"])(value)) return false;
  return new URL(String(value)).searchParams
    .getAll("sslmode")
    .every((mode) => SSL_MODES.split(/, | or /).includes(mode));
}

/** Host and path. Nothing where a password that is not percent-encoded may have been taken for a part of them. */
function outlineUrl(value: unknown): string {
  const text = String(value);
  const { protocol, username, host, pathname } = new URL(text);
  const ats = text.split("@").length - 1;
  const sure = ats === 0 || (ats === 1 && username !== "");
  return sure ? `${protocol}//***@${host}${pathname}` : "***";
}

interface Protocols {
  /** Without the colon: `["https"]`. */
  readonly protocols?: readonly string[];
}

const WEB = ["https", "http"];

const example = ([protocol = "https"]: readonly string[]) => `${protocol}://example.com/path`;

const isText = (value: unknown) => typeof value === "string";

const rangeOf = (min: number, max: number | undefined) => (max === undefined ? `at least ${min}` : `${min} to ${max}`);

function isWithin(min: number, max: number = Number.MAX_SAFE_INTEGER): (value: unknown) => boolean {
  return (value) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
}

function isListOf(accepts: (item: unknown) => boolean): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every(accepts);
}

function isUrl(protocols: readonly string[]): (value: unknown) => boolean {
  return (value) =>
    typeof value === "string" &&
    protocols.some((protocol) => value.startsWith(`${protocol}://`)) &&
    !/\s/.test(value) &&
    URL.canParse(value);
}
