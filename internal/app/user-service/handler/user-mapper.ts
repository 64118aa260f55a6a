import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type User as UserMessage, UserSchema } from "#api/user/v1/user_pb.ts";
import { etagMismatch } from "../model/errors.ts";
import type { User } from "../model/user.ts";

/** Every field of the message: one that is added to the proto and forgotten here does not compile. */
type EveryField = Required<Omit<Exclude<MessageInitShape<typeof UserSchema>, UserMessage>, "$typeName" | "$unknown">>;

export function toUserMessage({ id, email, displayName, version, createTime, updateTime }: User): UserMessage {
  return create(UserSchema, {
    id,
    email,
    displayName,
    etag: toEtag(version),
    createTime: timestampFromDate(createTime),
    updateTime: timestampFromDate(updateTime),
  } satisfies EveryField);
}

function toEtag(version: number): string {
  return Buffer.from(`v${version}`).toString("base64url");
}

/**
 * The version that an etag stands for; undefined for no etag.
 * @throws Aborted (ETAG_MISMATCH) for what is no etag of ours: it matches no user
 */
export function versionOf(etag: string): number | undefined {
  if (etag === "") return undefined;
  // Nine digits: no more than the database's integers hold.
  const version = Number(/^v([1-9]\d{0,8})$/.exec(Buffer.from(etag, "base64url").toString())?.[1]);
  if (Number.isNaN(version) || toEtag(version) !== etag) throw etagMismatch();
  return version;
}
