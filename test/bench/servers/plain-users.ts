import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { User } from "#api/user/v1/user_pb.ts";
import { USER } from "./users.ts";

/** The users as servers have them that know no Protobuf. */
export const plainUsers: ReadonlyMap<string, ReturnType<typeof toPlain>> = new Map([[USER.id, toPlain(USER)]]);

export function toPlain({ id, email, displayName, etag, createTime, updateTime }: User) {
  return {
    id,
    email,
    displayName,
    etag,
    createTime: createTime && timestampDate(createTime),
    updateTime: updateTime && timestampDate(updateTime),
  };
}
