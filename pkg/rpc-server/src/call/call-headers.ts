import { inspect } from "node:util";

/** Source: RFC 9110, 5.6.2 (token). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LOWER_CASE_TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** What the Fetch standard takes off both ends of a value, and what it refuses in one. */
const EDGE_WHITESPACE = /^[\t\n\r ]+|[\t\n\r ]+$/g;
const REFUSED_IN_VALUE = /[\0\n\r\u0100-\uffff]/;

/**
 * Headers of a call, with the interface and behaviour of the Fetch standard's `Headers`, over one flat array:
 * undici's cost a microsecond to build, and most calls look at one or two of theirs. `instanceof Headers` holds.
 */
export class CallHeaders implements Headers {
  readonly #list: string[];

  /** Names and values in turn, names in lower case; the array is the instance's from now on. */
  constructor(list: string[] = []) {
    this.#list = list;
  }

  /** Names and values in turn, as they were added. Not to be changed. */
  get list(): readonly string[] {
    return this.#list;
  }

  get(name: string): string | null {
    const list = this.#list;
    const key = normalizeName(name);
    let found: string | null = null;
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] !== key) continue;
      const value = list[i + 1] as string;
      found = found === null ? value : `${found}${key === "cookie" ? "; " : ", "}${value}`;
    }
    return found;
  }

  has(name: string): boolean {
    return this.#indexOf(normalizeName(name)) >= 0;
  }

  set(name: string, value: string): void {
    const key = normalizeName(name);
    const normal = normalizeValue(value);
    const at = this.#indexOf(key);
    if (at < 0) {
      this.#list.push(key, normal);
      return;
    }
    this.#list[at + 1] = normal;
    this.#remove(key, at + 2);
  }

  append(name: string, value: string): void {
    this.#list.push(normalizeName(name), normalizeValue(value));
  }

  delete(name: string): void {
    this.#remove(normalizeName(name), 0);
  }

  /** Takes over others' names and values in place of its own. */
  assign(headers: Headers): void {
    if (headers === this) return;
    const list = headers instanceof CallHeaders ? headers.list : [...headers].flat();
    this.#list.splice(0, this.#list.length, ...list);
  }

  getSetCookie(): string[] {
    return this.#list.filter((_, i) => i % 2 === 1 && this.#list[i - 1] === "set-cookie");
  }

  forEach(callback: (value: string, name: string, parent: Headers) => void, thisArg?: unknown): void {
    for (const [name, value] of this.#sorted()) callback.call(thisArg, value, name, this);
  }

  entries(): ReturnType<Headers["entries"]> {
    return this.#sorted().values() as ReturnType<Headers["entries"]>;
  }

  keys(): ReturnType<Headers["keys"]> {
    return this.#sorted()
      .map(([name]) => name)
      .values() as ReturnType<Headers["keys"]>;
  }

  values(): ReturnType<Headers["values"]> {
    return this.#sorted()
      .map(([, value]) => value)
      .values() as ReturnType<Headers["values"]>;
  }

  [Symbol.iterator](): ReturnType<Headers["entries"]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "Headers";
  }

  /** console.log would call the one of undici's Headers, which works on its own instances only. */
  [inspect.custom](): unknown {
    return Object.fromEntries(this.#sorted());
  }

  /** Sorted by name, the values of a name joined, but for set-cookie. Source: Fetch standard, "sort and combine". */
  #sorted(): [string, string][] {
    const names = new Set(this.#list.filter((_, i) => i % 2 === 0));
    return [...names].sort().flatMap((name): [string, string][] => {
      if (name === "set-cookie") return this.getSetCookie().map((value) => [name, value]);
      return [[name, this.get(name) ?? ""]];
    });
  }

  #indexOf(key: string): number {
    const list = this.#list;
    for (let i = 0; i < list.length; i += 2) if (list[i] === key) return i;
    return -1;
  }

  #remove(key: string, from: number): void {
    const list = this.#list;
    for (let i = list.length - 2; i >= from; i -= 2) if (list[i] === key) list.splice(i, 2);
  }
}

Object.setPrototypeOf(CallHeaders.prototype, Headers.prototype);

function normalizeName(name: string): string {
  if (LOWER_CASE_TOKEN.test(name)) return name;
  if (!TOKEN.test(name)) throw new TypeError(`"${name}" is not a valid header name`);
  return name.toLowerCase();
}

function normalizeValue(value: unknown): string {
  const normal = String(value).replace(EDGE_WHITESPACE, "");
  if (REFUSED_IN_VALUE.test(normal)) throw new TypeError(`${JSON.stringify(value)} is not a valid header value`);
  return normal;
}
