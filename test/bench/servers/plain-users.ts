import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { User } from "#api/user/v1/user_pb.ts";
import { NEXT_PAGE_TOKEN, PAGE_SIZE, USER, USERS } from "./users.ts";

/** The users as servers have them that know no Protobuf. */
export const plainUsers: ReadonlyMap<string, ReturnType<typeof toPlain>> = new Map([[USER.id, toPlain(USER)]]);

const allUsers = USERS.map(toPlain);

export function plainPage(pageSize = PAGE_SIZE) {
  return { users: allUsers.slice(0, pageSize), nextPageToken: NEXT_PAGE_TOKEN };
}

function toPlain({ id, email, displayName, etag, createTime, updateTime }: User) {
  return {
    id,
    email,
    displayName,
    etag,
    createTime: createTime && timestampDate(createTime),
    updateTime: updateTime && timestampDate(updateTime),
  };
}
