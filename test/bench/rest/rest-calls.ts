import { isDeepStrictEqual } from "node:util";
import { toJson } from "@bufbuild/protobuf";
import { UserSchema } from "#api/user/v1/user_pb.ts";
import { ListUsersResponseSchema } from "#api/user/v1/user_service_pb.ts";
import { type Call, expectHeader } from "../load/calls.ts";
import { listUsers, PAGE_SIZE, USER } from "../servers/users.ts";

/** By the annotations of the user service. */
export const USERS_PATH = "/v1/users";

const ETAG = `"${USER.etag}"`;

/** GET of a user. `hasEtag`: whether the answer must have the user's etag as a header, or must not have any. */
export function getUserCall({ hasEtag }: { readonly hasEtag: boolean }): Call {
  const get = callOf(`${USERS_PATH}/${USER.id}`, toJson(UserSchema, USER));
  return {
    ...get,
    checkHeaders(headers) {
      get.checkHeaders(headers);
      expectHeader(headers, "etag", hasEtag ? ETAG : undefined);
    },
  };
}

/** GET of a page of users. */
export function listUsersCall(): Call {
  const page = listUsers({ pageSize: PAGE_SIZE });
  return callOf(`${USERS_PATH}?pageSize=${PAGE_SIZE}`, toJson(ListUsersResponseSchema, page));
}

function callOf(path: string, expected: unknown): Call {
  return {
    method: "GET",
    path,
    headers: [["accept", "application/json"]],
    body: Buffer.alloc(0),
    checkHeaders(headers) {
      expectHeader(headers, ":status", "200");
      expectHeader(headers, "content-type", /^application\/json(; charset=utf-8)?$/);
    },
    checkBody(body) {
      const found: unknown = JSON.parse(body.toString());
      if (!isDeepStrictEqual(found, expected)) throw new Error(`not the expected answer: ${body}`);
    },
  };
}
