/** A place in a text: both from 1, the column in UTF-16 units, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A member of the document's object, and where its key stands. */
export interface Member extends Position {
  readonly key: string;
  readonly value: unknown;
}

/** The text is not JSON (RFC 8259), or not an object. */
export class JsonError extends Error {
  override readonly name = "JsonError";
  readonly position: Position;

  constructor(message: string, position: Position) {
    super(message);
    this.position = position;
  }
}

const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a string must escape exactly these (RFC 8259, 7).
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\]:,]/y;
const SPACE = /[ \t\n\r]*/y;
const MAX_DEPTH = 100;

/**
 * The members of the JSON object that `text` is, in their order, repeated keys included: JSON.parse keeps the last
 * silently, and does not say where anything stands. A byte order mark is skipped (RFC 8259, 8.1).
 * @throws JsonError
 */
export function parseJsonObject(text: string): Member[] {
  let end = text.startsWith("\ufeff") ? 1 : 0;
  let start = end;
  let token = "";

  function next(): void {
    SPACE.lastIndex = end;
    SPACE.exec(text);
    start = SPACE.lastIndex;
    TOKEN.lastIndex = start;
    token = TOKEN.exec(text)?.[0] ?? "";
    end = start + token.length;
  }

  function fail(message: string): never {
    throw new JsonError(message, positionOf(text, start));
  }

  function found(): string {
    if (start >= text.length) return "found the end of the file";
    if (token !== "") return `found ${shorten(token)}`;
    if (text[start] === '"') return "found a string that does not end, or has a character that must be escaped";
    return `found ${shorten(/^[\w+.-]+|./su.exec(text.slice(start, start + 100))?.[0] ?? "")}`;
  }

  function take(expected: string): void {
    if (token !== expected) fail(`expected "${expected}", ${found()}`);
    next();
  }

  function members(depth: number): Member[] {
    const all: Member[] = [];
    take("{");
    for (let first = true; token !== "}"; first = false) {
      if (!first && token !== ",") fail(`expected "," or "}", ${found()}`);
      if (!first) next();
      if (!token.startsWith('"')) fail(`expected a key in double quotes${first ? ' or "}"' : ""}, ${found()}`);
      const position = positionOf(text, start);
      const key: string = JSON.parse(token);
      next();
      take(":");
      all.push({ key, value: value(depth + 1), ...position });
    }
    next();
    return all;
  }

  function array(depth: number): unknown[] {
    const all: unknown[] = [];
    take("[");
    for (let first = true; token !== "]"; first = false) {
      if (!first && token !== ",") fail(`expected "," or "]", ${found()}`);
      if (!first) next();
      all.push(value(depth + 1));
    }
    next();
    return all;
  }

  function value(depth: number): unknown {
    if (depth > MAX_DEPTH) fail(`more than ${MAX_DEPTH} levels of brackets`);
    if (token === "{") return Object.fromEntries(members(depth).map((member) => [member.key, member.value]));
    if (token === "[") return array(depth);
    if (token === "" || ":,]}".includes(token)) fail(`expected a value, ${found()}`);
    const scalar: unknown = JSON.parse(token);
    next();
    return scalar;
  }

  next();
  if (token !== "{") fail(`expected one object, such as {"port": 8080}, ${found()}`);
  const all = members(0);
  if (start < text.length) fail(`expected the end of the file, ${found()}`);
  return all;
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset).replace(/^\ufeff/, "");
  const lines = before.split(/\r\n|\n|\r/);
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
}

/** Without strings' text, which may be a secret in the wrong place. */
function shorten(token: string): string {
  return token.startsWith('"') ? "a string" : token.slice(0, 20);
}
