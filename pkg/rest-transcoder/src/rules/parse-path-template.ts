import type { PathTemplate, PathVariable, Segment } from "./path-template.ts";

/** A path template that is none. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  /** Where in the template: characters (UTF-16 units) before the mistake. */
  readonly offset: number;

  constructor(reason: string, offset: number) {
    super(`${reason} (offset ${offset})`);
    this.offset = offset;
  }
}

/** RFC 3986, 3.3 (pchar), and text beyond ASCII. `:` and `*` mean something here: as text they are `%3A` and `%2A`. */
const LITERAL = /(?:[\w\-.~!$&'()+,;=@]|%[\da-fA-F]{2}|[\u00a0-\ud7ff\ue000-\u{10ffff}])+/uy;
const IDENTIFIER = /[a-zA-Z_]\w*/y;

/**
 * Parses what `google.api.HttpRule` calls a pattern: `/v1/{name=shelves/*}/books:search`.
 *
 * Literals and verbs may be percent-encoded, and are decoded. Beyond the grammar, `/` alone is a template: the root,
 * without segments. Empty segments, so a slash at the end too, are refused.
 *
 * @throws {TemplateError}
 */
export function parsePathTemplate(text: string): PathTemplate {
  const scanner = new Scanner(text);
  scanner.expect("/");
  if (scanner.isAtEnd) return { segments: [], verb: undefined, variables: [] };
  const segments: Segment[] = [];
  const variables: PathVariable[] = [];
  do {
    if (scanner.take("{")) variables.push(parseVariable(scanner, segments));
    else segments.push(parseSegment(scanner, segments));
  } while (scanner.take("/"));
  const verb = scanner.take(":") ? parseLiteral(scanner, "a verb") : undefined;
  if (verb === undefined) refusePartialVariable(scanner);
  if (!scanner.isAtEnd) scanner.fail(verb === undefined ? '"/", ":" or the end' : "the end");
  return { segments, verb, variables };
}

/** `/x{name}`, `/{name}x`. Source: http.proto, the grammar: a segment is a variable or text, not both. */
function refusePartialVariable(scanner: Scanner): void {
  const { offset, isAfterVariable } = scanner;
  if (scanner.startsWith("{") || (isAfterVariable && (scanner.take("*") || scanner.match(LITERAL) !== undefined))) {
    throw new TemplateError("a variable must be a whole segment", offset);
  }
}

/** Adds the variable's segments to those before it. */
function parseVariable(scanner: Scanner, segments: Segment[]): PathVariable {
  const start = segments.length;
  const fieldPath: string[] = [];
  do fieldPath.push(scanner.match(IDENTIFIER) ?? scanner.fail("a field's name"));
  while (scanner.take("."));
  if (scanner.take("=")) {
    do segments.push(parseSegment(scanner, segments));
    while (scanner.take("/"));
  } else {
    refuseAfterDeep(segments, scanner.offset);
    segments.push({ kind: "*" });
  }
  scanner.expect("}");
  const end = segments.length;
  const isMulti = end - start > 1 || segments[start]?.kind !== "*";
  return { fieldPath, start, end, isMulti };
}

function parseSegment(scanner: Scanner, before: readonly Segment[]): Segment {
  refuseAfterDeep(before, scanner.offset);
  if (scanner.take("**")) return { kind: "**" };
  if (scanner.take("*")) return { kind: "*" };
  if (scanner.startsWith("{")) throw new TemplateError("a variable must not be within another", scanner.offset);
  return { kind: "literal", text: parseLiteral(scanner, "a segment") };
}

/** Source: http.proto, "which must be the last part of the URL path except the Verb". */
function refuseAfterDeep(before: readonly Segment[], offset: number): void {
  if (before.at(-1)?.kind === "**") throw new TemplateError('"**" must be the last segment', offset);
}

function parseLiteral(scanner: Scanner, expected: string): string {
  const { offset } = scanner;
  const text = scanner.match(LITERAL) ?? scanner.fail(expected);
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TemplateError("percent-encoded text that is not UTF-8", offset);
  }
}

class Scanner {
  readonly #text: string;
  offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.offset === this.#text.length;
  }

  get isAfterVariable(): boolean {
    return this.#text[this.offset - 1] === "}";
  }

  startsWith(token: string): boolean {
    return this.#text.startsWith(token, this.offset);
  }

  take(token: string): boolean {
    if (!this.startsWith(token)) return false;
    this.offset += token.length;
    return true;
  }

  expect(token: string): void {
    if (!this.take(token)) this.fail(JSON.stringify(token));
  }

  match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.offset;
    const [text] = sticky.exec(this.#text) ?? [];
    this.offset += text?.length ?? 0;
    return text;
  }

  fail(expected: string): never {
    const codePoint = this.#text.codePointAt(this.offset);
    const found = codePoint === undefined ? "the end" : JSON.stringify(String.fromCodePoint(codePoint));
    throw new TemplateError(`expected ${expected}, found ${found}`, this.offset);
  }
}
