import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

/** An entity tag as a header has it. Source: RFC 9110, 8.8.3. */
export interface EntityTag {
  readonly isWeak: boolean;
  /** What stands between the quotes, as it is. */
  readonly opaque: string;
}

/** What `If-Match` or `If-None-Match` asks for: `*`, or one of some tags. */
export type Condition = "*" | readonly EntityTag[];

/** The field that carries the etag of a message. Source: AIP-154: a string of that name. */
export function findEtagField(desc: DescMessage, etagField: string | undefined): DescField | undefined {
  return desc.fields.find(
    ({ name, fieldKind, scalar, oneof }) =>
      name === etagField && fieldKind === "scalar" && scalar === ScalarType.STRING && oneof === undefined,
  );
}

/** The etag that a message carries; undefined for none, and for the empty one. */
export function readEtag(message: Message, field: DescField): string | undefined {
  const value = (message as Message & Record<string, unknown>)[field.localName];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** What a field holds when it holds whole tags. */
const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

/** `W/"…"`: AIP-154 marks weak etags so in the field itself. */
const WEAK_TAG = /^W\/"([\x21\x23-\x7e\x80-\xff]*)"$/;

/** What stands for itself in a tag: etagc without "%", which escapes, and without what is not ASCII. */
const PLAIN = /^[\x21\x23\x24\x26-\x7e]*$/;
const ESCAPED = /[^\x21\x23\x24\x26-\x7e]+/g;

/**
 * An etag as the header `ETag` has it. The field's value is put in quotes; what no tag may have (spaces, quotes, what is not
 * ASCII) and "%" are percent-encoded as UTF-8. A value that is a weak tag, `W/"…"`, is sent as it is. `decodeTag` undoes it.
 *
 * @param isQuoted whether fields hold whole tags, `"foo"`, as AIP-154 wants them: these are sent as they are. A value that is none has no
 *   header, undefined: in quotes it would be the tag of another value
 */
export function formatEtag(etag: string, isQuoted: boolean): string | undefined {
  if (isQuoted) return ENTITY_TAG.test(etag) ? etag : undefined;
  if (WEAK_TAG.test(etag)) return etag;
  return PLAIN.test(etag)
    ? `"${etag}"`
    : `"${etag.toWellFormed().replace(ESCAPED, (text) => encodeURIComponent(text))}"`;
}

/**
 * The field's value for a tag. One that was not made by `formatEtag` is no etag of ours, and taken as it is.
 * @param isQuoted as in formatEtag. The tag alone does not say: `"foo"` may be that of `foo` or of `"foo"`
 */
export function decodeTag({ isWeak, opaque }: EntityTag, isQuoted: boolean): string {
  if (isWeak) return `W/"${opaque}"`;
  if (isQuoted) return `"${opaque}"`;
  try {
    return decodeURIComponent(opaque);
  } catch {
    return opaque;
  }
}

/** @throws ConnectError INVALID_ARGUMENT for what is malformed: the condition must not be ignored. Source: RFC 9110, 13.1.1. */
export function readIfMatch(header: string | null): Condition | undefined {
  if (header === null) return undefined;
  const condition = parseCondition(header);
  if (condition !== undefined) return condition;
  throw new ConnectError('invalid if-match: expected * or entity tags in quotes, "a", "b"', Code.InvalidArgument);
}

/** Undefined for what is malformed too: the full answer is never wrong. Source: RFC 9110, 13.1.2. */
export function readIfNoneMatch(header: string | null): Condition | undefined {
  return header === null ? undefined : parseCondition(header);
}

/**
 * Whether a GET may be answered: any tag is the answer's, compared strongly. An answer without an etag has none of them, and fits `*`
 * alone, which is about whether there is something to answer with. Source: RFC 9110, 13.1.1.
 * @throws ConnectError INVALID_ARGUMENT as readIfMatch
 */
export function ifMatchHits(header: string, etag: string | undefined): boolean {
  const condition = readIfMatch(header);
  if (condition === "*" || condition === undefined) return true;
  return condition.some(({ isWeak, opaque }) => !isWeak && etag === `"${opaque}"`);
}

/** Whether a GET is answered by 304, without a body: any tag is the answer's, compared weakly. Source: RFC 9110, 13.1.2. */
export function ifNoneMatchHits(header: string | null, etag: string | undefined): boolean {
  if (etag === undefined) return false;
  const condition = readIfNoneMatch(header);
  if (condition === undefined) return false;
  if (condition === "*") return true;
  const opaque = etag.slice(etag.indexOf('"') + 1, -1);
  return condition.some((tag) => tag.opaque === opaque);
}

/** One tag, and the comma after it. Lists may have empty elements. Source: RFC 9110, 5.6.1.2 and 8.8.3. */
const NEXT_TAG = /[\t ,]*(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[\t ]*(?:,[\t ,]*|$)/y;

function parseCondition(header: string): Condition | undefined {
  if (header.trim() === "*") return "*";
  const tags: EntityTag[] = [];
  NEXT_TAG.lastIndex = 0;
  while (NEXT_TAG.lastIndex < header.length) {
    const match = NEXT_TAG.exec(header);
    if (match === null) return undefined;
    tags.push({ isWeak: match[1] !== undefined, opaque: match[2] ?? "" });
  }
  return tags.length === 0 ? undefined : tags;
}
