import { inspect } from "node:util";

/** Source: RFC 9110, 5.6.2 (token). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What the Fetch standard takes off both ends of a value, and what it refuses in one. */
const WHITESPACE: ReadonlySet<string | undefined> = new Set(["\t", "\n", "\r", " "]);
const REFUSED_IN_VALUE = /[\0\n\r\u0100-\uffff]/;

/**
 * Headers of a call, with the interface and behaviour of the Fetch standard's `Headers`, over one flat array:
 * undici's cost a microsecond to build, and most calls look at one or two of theirs. `instanceof Headers` holds.
 */
export class CallHeaders implements Headers {
  readonly #list: string[];
  /** Where the headers begin: node:http2 puts pseudo-headers before them. */
  readonly #start: number;

  /** Names and values in turn, names in lower case, from `start` on; the array is the instance's from now on. */
  constructor(list: string[] = [], start = 0) {
    this.#list = list;
    this.#start = start;
  }

  /** Calls `visit` with each name and value, as they were added. */
  each(visit: (name: string, value: string) => void): void {
    const list = this.#list;
    for (let i = this.#start; i < list.length; i += 2) visit(list[i] as string, list[i + 1] as string);
  }

  /** Names and values in turn, as they were added. */
  flat(): string[] {
    return this.#list.slice(this.#start);
  }

  /** How many lines there are; a name may have several. */
  get lines(): number {
    return (this.#list.length - this.#start) / 2;
  }

  get(name: string): string | null {
    return this.lookup(normalizeName(name));
  }

  /** As `get`, for a name that is known to be in lower case. */
  lookup(key: string): string | null {
    const list = this.#list;
    let found: string | null = null;
    for (let i = this.#start; i < list.length; i += 2) {
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
    this.#remove(normalizeName(name), this.#start);
  }

  /** Takes over others' names and values in place of its own. */
  assign(headers: Headers): void {
    if (headers === this) return;
    const list = headers instanceof CallHeaders ? headers.flat() : [...headers].flat();
    this.#list.splice(this.#start, this.#list.length, ...list);
  }

  getSetCookie(): string[] {
    const values: string[] = [];
    this.each((name, value) => {
      if (name === "set-cookie") values.push(value);
    });
    return values;
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
    const names = new Set<string>();
    this.each((name) => names.add(name));
    return [...names].sort().flatMap((name): [string, string][] => {
      if (name === "set-cookie") return this.getSetCookie().map((value) => [name, value]);
      return [[name, this.get(name) ?? ""]];
    });
  }

  #indexOf(key: string): number {
    const list = this.#list;
    for (let i = this.#start; i < list.length; i += 2) if (list[i] === key) return i;
    return -1;
  }

  #remove(key: string, from: number): void {
    const list = this.#list;
    for (let i = list.length - 2; i >= from; i -= 2) if (list[i] === key) list.splice(i, 2);
  }
}

Object.setPrototypeOf(CallHeaders.prototype, Headers.prototype);

/** Names come from code, so there are few: each is checked once. */
const normalNames = new Map<string, string>();
const MAX_NORMAL_NAMES = 1_000;

function normalizeName(name: string): string {
  const known = normalNames.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) throw new TypeError(`"${name}" is not a valid header name`);
  const normal = name.toLowerCase();
  if (normalNames.size < MAX_NORMAL_NAMES) normalNames.set(name, normal);
  return normal;
}

function normalizeValue(value: unknown): string {
  const normal = trim(String(value));
  if (REFUSED_IN_VALUE.test(normal)) throw new TypeError(`${JSON.stringify(value)} is not a valid header value`);
  return normal;
}

/** Not by an expression: on white space within, it would look for the end from each of its characters. */
function trim(value: string): string {
  let start = 0;
  let end = value.length;
  while (WHITESPACE.has(value[start])) start++;
  while (end > start && WHITESPACE.has(value[end - 1])) end--;
  return start === 0 && end === value.length ? value : value.slice(start, end);
}
