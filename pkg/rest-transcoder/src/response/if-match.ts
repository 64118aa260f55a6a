import { create, type DescField, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { badRequest } from "../request/bad-request.ts";
import type { Binding } from "../rules/binding.ts";
import { decodeTag, findEtagField, readEtag, readIfMatch } from "./etag.ts";

/** Writes what `If-Match` says into a request. */
export type IfMatchWriter = (message: Message, header: string | null) => void;

type Fields = Message & Record<string, unknown>;

/**
 * The etag that `If-Match` requires the resource to have, as the request's etag field has it; undefined without the
 * header, and for `*`, which any resource matches that there is.
 * @throws ConnectError INVALID_ARGUMENT for what is malformed, and for several tags: the field can carry one;
 *   ABORTED when only tags are left that never match: weak ones, and the empty one, which would be no condition in a
 *   field without quotes. Source: RFC 9110, 13.1.1 (strong comparison).
 */
export function etagFromIfMatch(header: string | null, isQuoted: boolean): string | undefined {
  const condition = readIfMatch(header);
  if (condition === undefined || condition === "*") return undefined;
  const [tag, ...others] = condition.filter(({ isWeak, opaque }) => !isWeak && (isQuoted || opaque !== ""));
  if (tag === undefined) throw new ConnectError("if-match: weak and empty entity tags never match", Code.Aborted);
  if (others.length > 0) throw unsupported("if-match with several entity tags is not supported: send one");
  return decodeTag(tag, isQuoted);
}

/**
 * Compiles how `If-Match` reaches a method: as the etag field of its request (`DeleteUserRequest.etag`), or, for PUT and
 * PATCH, of the message that is the body (`user.etag`). Others, those that create included, cannot honour it, and refuse
 * it: a condition must not be ignored. Source: RFC 9110, 13.1.1; AIP-154.
 *
 * The writer is called when the request has its update mask, since an etag from a header is no update.
 * @param etagField as in ResponseOptions, but without a default; undefined: no method has one
 * @param quotedEtags as in ResponseOptions
 * @throws (the writer) ConnectError INVALID_ARGUMENT as etagFromIfMatch, when the method has no such field, when the
 *   client has sent another etag in the request, and for `*` with `allow_missing`; ABORTED for weak tags
 */
export function compileIfMatch(binding: Binding, etagField: string | undefined, quotedEtags = false): IfMatchWriter {
  const place = findPlace(binding, etagField);
  return (message, header) => {
    if (header === null) return;
    if (place === undefined) throw unsupported("if-match is not supported by this method");
    const etag = etagFromIfMatch(header, quotedEtags);
    if (etag === undefined) refuseUpsert(message);
    else setEtag(message, place, etag);
  };
}

/** Where a request carries an etag. */
interface Place {
  /** The field of the request that has it; undefined: the request itself. */
  readonly holder: (DescField & { fieldKind: "message" }) | undefined;
  readonly field: DescField;
}

function findPlace({ rpc, httpMethod, body }: Binding, etagField: string | undefined): Place | undefined {
  const own = findEtagField(rpc.input, etagField);
  if (own !== undefined) return { holder: undefined, field: own };
  const isUpdate = httpMethod === "PUT" || httpMethod === "PATCH";
  if (!isUpdate || typeof body !== "object" || body.fieldKind !== "message" || body.oneof !== undefined)
    return undefined;
  const field = findEtagField(body.message, etagField);
  return field === undefined ? undefined : { holder: body, field };
}

function setEtag(message: Message, { holder, field }: Place, etag: string): void {
  const target = holder === undefined ? (message as Fields) : messageIn(message as Fields, holder);
  const sent = readEtag(target, field);
  if (sent !== undefined && sent !== etag) {
    const path = holder === undefined ? field.name : `${holder.name}.${field.name}`;
    throw badRequest([{ field: path, description: "must be the same as in if-match" }]);
  }
  target[field.localName] = etag;
}

/** Requests without a body have none. */
function messageIn(message: Fields, { localName, message: desc }: DescField & { fieldKind: "message" }): Fields {
  message[localName] ??= create(desc);
  return message[localName] as Fields;
}

/** `*` says that the resource must exist, `allow_missing` that it need not. Source: AIP-134. */
function refuseUpsert(message: Message): void {
  const { allowMissing } = message as Message & { allowMissing?: unknown };
  if (allowMissing === true)
    throw badRequest([{ field: "allow_missing", description: "must not be set with if-match" }]);
}

/**
 * For a read whose answers have no etag field. `*` is let through: an answer is all that it asks for.
 * @throws ConnectError INVALID_ARGUMENT for any tag, which could not be compared, and as readIfMatch
 */
export function refuseTags(header: string | null): void {
  const condition = readIfMatch(header);
  if (condition !== undefined && condition !== "*") throw unsupported("if-match is not supported by this method");
}

/**
 * @throws ConnectError INVALID_ARGUMENT for `If-None-Match` of a method that writes: none has a field for it, and it must
 *   not be ignored. Source: RFC 9110, 13.1.2.
 */
export function refuseIfNoneMatch(header: string | null): void {
  if (header !== null) throw unsupported("if-none-match is not supported by this method");
}

/** Source: AEP-154: a conditional header that is not supported is INVALID_ARGUMENT. */
function unsupported(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
