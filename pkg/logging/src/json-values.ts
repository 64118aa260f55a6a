import { errorText, isError } from "./error-text.ts";
import type { Limits } from "./limits.ts";
import { REDACTED, redactText } from "./redact-text.ts";

export interface JsonValuesOptions {
  readonly limits: Limits;
  /** Whether the value that has this key is a secret. */
  readonly isSecretKey: (key: string) => boolean;
}

/** Writes values as JSON, masked and within the limits. Nothing of it throws, whatever it is given. */
export interface JsonValues {
  /** A text as it may be read: cut and redacted, not yet JSON. */
  text(text: string): string;
  /** A text as JSON: cut, redacted, and escaped such that no character of it can act on a terminal or end a line. */
  quote(text: string): string;
  /** The value of a field; undefined when it has none, as with functions and undefined in JSON. */
  field(key: string, value: unknown): string | undefined;
}

/** How much more of a long text is read than kept, so that a secret which the cut would split is seen whole. */
const LOOK_AHEAD = 1_024;

/**
 * Nothing in it needs an escape, or could be an e-mail address, a URL or (being too short) a JSON Web Token; or it is the
 * address of a peer: `127.0.0.1:80`, `[::1]:80`.
 */
const HARMLESS = /^(?:[\w./-]{0,64}|\[?[\da-fA-F.:]{2,45}\]?:\d{1,5})$/;

/** Valid in JSON, but a terminal or a reader takes them for control, for line ends or for changes of direction. */
const TO_ESCAPE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

export function createJsonValues({ limits, isSecretKey }: JsonValuesOptions): JsonValues {
  const { maxStringLength, maxDepth, maxItems, maxLineLength } = limits;

  function text(whole: string): string {
    if (whole.length <= maxStringLength) return redactText(whole);
    const redacted = redactText(whole.slice(0, maxStringLength + LOOK_AHEAD));
    const kept = redacted.slice(0, Math.max(0, redacted.length - LOOK_AHEAD));
    return `${kept}… (${whole.length - maxStringLength} more)`;
  }

  function quote(whole: string): string {
    return HARMLESS.test(whole) ? `"${whole}"` : toJson(text(whole));
  }

  function field(key: string, value: unknown): string | undefined {
    if (typeof value === "string") return isSecretKey(key) ? `"${REDACTED}"` : quote(value);
    if (typeof value === "number" && !isSecretKey(key)) return number(value);
    return new Walk().property(key, value);
  }

  /** One field's way through its objects. */
  class Walk {
    readonly #above: object[] = [];
    #length = 0;

    /** A boolean, and nothing, are no secrets: `hasPassword: true`. */
    property(key: string, value: unknown): string | undefined {
      if (value === undefined || typeof value === "function") return undefined;
      if (isSecretKey(key) && value !== null && typeof value !== "boolean") return `"${REDACTED}"`;
      return this.value(value);
    }

    value(value: unknown): string {
      const written = this.#write(value);
      this.#length += written.length;
      return written;
    }

    #write(value: unknown): string {
      switch (typeof value) {
        case "string":
          return quote(value);
        case "number":
          return number(value);
        case "object":
          return value === null ? "null" : this.#object(value);
        case "boolean":
          return String(value);
        case "undefined":
          return "null";
        case "bigint":
          return quote(String(value));
        default:
          return quote(typeof value === "symbol" ? String(value) : "[function]");
      }
    }

    #object(object: object): string {
      if (this.#above.includes(object)) return '"[circular]"';
      if (this.#above.length >= maxDepth) return '"[too deep]"';
      if (this.#length > maxLineLength) return '"[too long]"';
      this.#above.push(object);
      try {
        return this.#content(object);
      } catch {
        return '"[unreadable]"';
      } finally {
        this.#above.pop();
      }
    }

    #content(object: object): string {
      if (isError(object)) return quote(errorText(object));
      if (ArrayBuffer.isView(object)) return `"[${object.byteLength} bytes]"`;
      if (Array.isArray(object)) return this.#list(object, object.length);
      if (object instanceof Set) return this.#list(object, object.size);
      if (object instanceof Map || object instanceof Headers || object instanceof URLSearchParams) {
        return this.#entries([...object].map(([key, value]) => [String(key), value]));
      }
      if ("toJSON" in object && typeof object.toJSON === "function") {
        const json: unknown = object.toJSON();
        // What it gives is taken as it is, as JSON.stringify does; its own toJSON is not asked.
        return typeof json === "object" && json !== null && !Array.isArray(json) ? this.#own(json) : this.value(json);
      }
      return this.#own(object);
    }

    #own(object: object): string {
      // Read one by one: a getter that throws costs its own value only.
      return this.#entries(Object.keys(object).map((key) => [key, readProperty(object, key)]));
    }

    #list(items: Iterable<unknown>, count: number): string {
      const written: string[] = [];
      for (const item of items) {
        if (written.length >= maxItems || this.#length > maxLineLength) break;
        written.push(this.value(item));
      }
      if (written.length < count) written.push(quote(`… (${count - written.length} more)`));
      return `[${written.join(",")}]`;
    }

    #entries(entries: readonly (readonly [string, unknown])[]): string {
      const written: string[] = [];
      let seen = 0;
      for (const [key, value] of entries) {
        if (seen >= maxItems || this.#length > maxLineLength) break;
        seen += 1;
        const json = this.property(key, value);
        if (json !== undefined) written.push(`${quote(key)}:${json}`);
      }
      if (seen < entries.length) written.push(`"…":"${entries.length - seen} more"`);
      return `{${written.join(",")}}`;
    }
  }

  return { text, quote, field };
}

/** A text as JSON, as it is. Lone surrogates become \\ud800 by themselves (ECMA-262, well-formed JSON.stringify). */
export function toJson(text: string): string {
  return JSON.stringify(text).replace(TO_ESCAPE, unicodeEscape);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function number(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

const UNREADABLE = { toJSON: () => "[unreadable]" };

/** A property, also of an object whose getter throws. */
export function readProperty(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}
