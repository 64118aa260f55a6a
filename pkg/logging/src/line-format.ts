import type { Logform } from "winston";
import { errorText, isError } from "./error-text.ts";
import { createJsonValues, type JsonValues, readProperty, toJson } from "./json-values.ts";
import type { Limits } from "./limits.ts";

/** What winston's logger keeps under symbols of its own (triple-beam). */
export const LEVEL = Symbol.for("level");
export const MESSAGE = Symbol.for("message");
const SPLAT = Symbol.for("splat");

export interface LineFormatOptions {
  readonly layout: "json" | "pretty";
  readonly colors: boolean;
  /** Written in every line of JSON, in this order. */
  readonly fixed: Readonly<Record<string, string>>;
  /** Written in every line, read when it is logged. What it throws is ignored. */
  readonly context: () => object | undefined;
  readonly isSecretKey: (key: string) => boolean;
  readonly limits: Limits;
  /** Says whether a line of this level is written; one that is not costs nothing further. */
  readonly isEnabled: (level: string) => boolean;
}

type Info = Logform.TransformableInfo & Record<PropertyKey, unknown>;

/** What one call of the logger says, whichever of winston's forms it was called in. */
interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: object;
  /** Of an error that was logged by itself, or beside the message. */
  readonly stack: string | undefined;
}

/** winston's format that makes the whole line in one pass. */
export interface LineFormat extends Logform.Format {
  /** Makes the line of a message and fields, which are no error and name none. */
  line(level: string, message: string, fields: object): string;
}

export function createLineFormat(options: LineFormatOptions): LineFormat {
  const { layout, limits, isSecretKey, isEnabled } = options;
  const values = createJsonValues({ limits, isSecretKey });
  const write = layout === "json" ? createJsonLayout(options, values) : createPrettyLayout(options, values);
  return {
    transform(info: Logform.TransformableInfo) {
      const given = info as Info;
      if (!isEnabled(String(given[LEVEL]))) return false;
      given[MESSAGE] = write(lineOf(given));
      return given;
    },
    line: (level, message, fields) => write({ level, message, fields, stack: undefined }),
  };
}

function lineOf(info: Info): Line {
  const level = String(info[LEVEL]);
  const splat = info[SPLAT];
  const beside: unknown = Array.isArray(splat) ? splat[0] : undefined;
  if (info instanceof Error) return { level, message: info.message, fields: {}, stack: errorText(info) };
  const { message } = info as { readonly message: unknown };
  if (message instanceof Error) {
    return { level, message: message.message, fields: info, stack: errorText(message) };
  }
  // winston has copied this error's properties into the info: only what it says may be written.
  if (beside instanceof Error) return { level, message: String(message), fields: {}, stack: errorText(beside) };
  // winston does not look at the fields of a message that has a % in it like printf's.
  const fields = typeof beside === "object" && beside !== null && !isMerged(beside, info) ? beside : info;
  const { stack } = fields as { readonly stack?: unknown };
  return { level, message: textOf(message), fields, stack: typeof stack === "string" ? stack : undefined };
}

function isMerged(beside: object, info: Info): boolean {
  for (const key in beside) return key in info;
  return true;
}

function textOf(message: unknown): string {
  if (typeof message === "string") return message;
  return message === undefined ? "" : typeof message === "object" ? "[object]" : String(message);
}

/** These are the line's own; a field of the same name, but with another value, is written with a `_` behind it. */
const OWN = ["timestamp", "level", "message", "stack"];
const SKIPPED: ReadonlySet<string> = new Set(["level", "message", "stack"]);

/** Longer texts are not kept. */
const MAX_KEPT_LENGTH = 64;

/** Writes the field of one name. */
class FieldWriter {
  /** Whether every line has another field of this name. */
  readonly isOwn: boolean;
  readonly #name: string;
  readonly #start: string;
  readonly #isSecret: boolean;
  readonly #values: JsonValues;
  /** The last short text that it had, and how it was written: most fields have the same one in many lines. */
  #lastText: string | undefined;
  #lastField = "";

  constructor(name: string, values: JsonValues, isSecret: boolean, isOwn: boolean) {
    this.isOwn = isOwn;
    this.#name = name;
    this.#start = `,${values.quote(name)}:`;
    this.#isSecret = isSecret;
    this.#values = values;
  }

  /** The field with its name, or nothing when the value is none. */
  write(value: unknown): string {
    if (typeof value === "string" && !this.#isSecret) return this.#text(value);
    const json = this.#values.field(this.#name, value);
    return json === undefined ? "" : this.#start + json;
  }

  #text(text: string): string {
    if (text === this.#lastText) return this.#lastField;
    const field = this.#start + this.#values.quote(text);
    if (text.length <= MAX_KEPT_LENGTH) {
      this.#lastText = text;
      this.#lastField = field;
    }
    return field;
  }
}

function createJsonLayout(options: LineFormatOptions, values: JsonValues): (line: Line) => string {
  const { fixed, context, limits, isSecretKey } = options;
  const head = Object.entries(fixed).map(([key, value]) => `,${toJson(key)}:${toJson(value)}`);
  const sameInEveryLine = head.join("");
  const own = new Set([...OWN, ...Object.keys(fixed)]);
  const now = createClock();
  // Names come from code, so there are few.
  const writers = new Map<string, FieldWriter>();

  function writerOf(name: string): FieldWriter {
    const known = writers.get(name);
    if (known !== undefined) return known;
    const writer = new FieldWriter(name, values, isSecretKey(name), own.has(name));
    if (writers.size < MAX_NAMES) writers.set(name, writer);
    return writer;
  }

  return ({ level, message, fields, stack }) => {
    const head = `{"timestamp":"${now()}","level":${values.quote(level)},"message":${values.quote(message)}${sameInEveryLine}`;
    // Joined in the end, while they still are in the processor's cache: a rope of many lines costs five times as much to write.
    const parts = [head];
    let length = head.length;
    const add = (field: string) => {
      if (length > limits.maxLineLength) return;
      length += field.length;
      parts.push(field);
    };
    const about = contextOf(context);
    for (const key in about) add(writerOf(key).write(readProperty(about, key)));
    for (const key of Object.keys(fields)) {
      if (SKIPPED.has(key)) continue;
      const value = readProperty(fields, key);
      const isAbout = about !== undefined && key in about;
      if (isAbout && value === readProperty(about, key)) continue;
      const writer = writerOf(key);
      add(isAbout || writer.isOwn ? writerOf(`${key}_`).write(value) : writer.write(value));
    }
    if (stack !== undefined) {
      const field = `,"stack":${values.quote(stack)}`;
      length += field.length;
      parts.push(field);
    }
    parts.push(length > limits.maxLineLength ? ',"truncated":true}' : "}");
    return parts.join("");
  };
}

const MAX_NAMES = 1_000;

const COLORS: Readonly<Record<string, string>> = { error: "31", warn: "33", info: "32", debug: "34" };

function createPrettyLayout(
  { colors, context, limits }: LineFormatOptions,
  values: JsonValues,
): (line: Line) => string {
  const now = createClock();
  const paint = (level: string) => {
    const color = colors ? COLORS[level] : undefined;
    return color === undefined ? level : `\u001b[${color}m${level}\u001b[39m`;
  };

  return ({ level, message, fields, stack }) => {
    let line = `${now().slice(11, 23)} ${paint(printable(level))} ${printable(values.text(message))}`;
    const add = (key: string, value: unknown) => {
      if (line.length > limits.maxLineLength) return;
      const json = values.field(key, value);
      if (json === undefined) return;
      const shown = json.startsWith('"') ? printable(JSON.parse(json), isError(value)) : json;
      line += ` ${printable(values.text(key))}=${shown}`;
    };
    for (const key of Object.keys(fields)) if (!SKIPPED.has(key)) add(key, readProperty(fields, key));
    const about = contextOf(context);
    for (const key in about) add(key, readProperty(about, key));
    if (stack !== undefined) line += `\n${printable(values.text(stack), true)}`;
    return line;
  };
}

const ACTING_ON_TERMINALS = /[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/gu;

/** Without what acts on a terminal. A stack keeps its line ends; nothing else may look like a second line. */
function printable(text: string, isStack = false): string {
  return text.replace(ACTING_ON_TERMINALS, (character) =>
    isStack && (character === "\n" || character === "\t") ? character : toJson(character).slice(1, -1),
  );
}

function contextOf(context: () => object | undefined): object | undefined {
  try {
    return context();
  } catch {
    return undefined;
  }
}

/** The time in UTC as RFC 3339, to the millisecond; what is the same within a second is made once. */
function createClock(): () => string {
  let second = Number.NaN;
  let start = "";
  return () => {
    const now = Date.now();
    const current = Math.floor(now / 1_000);
    if (current !== second) {
      second = current;
      start = new Date(now).toISOString().slice(0, 20);
    }
    return `${start}${String(now - current * 1_000).padStart(3, "0")}Z`;
  };
}
