import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { type User, UserSchema } from "#api/user/v1/user_pb.ts";
import {
  type CreateUserRequest,
  CreateUserRequestSchema,
  type CreateUserResponse,
  CreateUserResponseSchema,
  type GetUserRequest,
  GetUserRequestSchema,
  type GetUserResponse,
  GetUserResponseSchema,
  type ListUsersRequest,
  type ListUsersResponse,
  ListUsersResponseSchema,
  UserService,
} from "#api/user/v1/user_service_pb.ts";

const ID = "01990c5c-5d6e-7a1b-8c2d-0123456789ab";
const TIME = timestampFromDate(new Date("2026-01-02T03:04:05.678Z"));

/** The one user that all servers know: 113 bytes as an answer. */
export const USER: User = create(UserSchema, {
  id: ID,
  email: "ada.lovelace@example.org",
  displayName: "Ada Lovelace",
  etag: "djE",
  createTime: TIME,
  updateTime: TIME,
});

const users = new Map([[ID, USER]]);

/** What a list answers at most: 10 kB as JSON. */
export const PAGE_SIZE = 50;
export const NEXT_PAGE_TOKEN = "djE6MDE5OTBjNWMtNWQ2ZS03YTFi";

/** More users than a page has. */
export const USERS: readonly User[] = Array.from({ length: 2 * PAGE_SIZE }, (_, i) =>
  create(UserSchema, { ...USER, id: ID.replace(/..$/, String(i).padStart(2, "0")), email: `user${i}@example.org` }),
);

/** What every server answers, whatever it is made of: a look into a map, and an echo. */
export function getUser({ id }: GetUserRequest): GetUserResponse {
  return create(GetUserResponseSchema, { user: users.get(id) ?? notFound(id) });
}

export function createUser({ user }: CreateUserRequest): CreateUserResponse {
  return create(CreateUserResponseSchema, { user: user ?? notFound("") });
}

export function listUsers({ pageSize }: Pick<ListUsersRequest, "pageSize">): ListUsersResponse {
  return create(ListUsersResponseSchema, { users: USERS.slice(0, pageSize), nextPageToken: NEXT_PAGE_TOKEN });
}

function notFound(id: string): never {
  throw new Error(`no user ${id}`);
}

/** For servers that speak connect-es. Handlers are asynchronous, as a service's are. */
export function registerUsers(router: ConnectRouter): void {
  router.service(UserService, {
    getUser: async (request) => getUser(request),
    createUser: async (request) => createUser(request),
    listUsers: async (request) => listUsers(request),
  });
}

export const GET_USER_PATH = `/${UserService.typeName}/GetUser`;
export const CREATE_USER_PATH = `/${UserService.typeName}/CreateUser`;

/** For servers that know nothing of Protobuf services: from a request's bytes to its answer's, by path. */
export const answerByPath: ReadonlyMap<string, (request: Uint8Array) => Uint8Array> = new Map([
  [GET_USER_PATH, (bytes) => toBinary(GetUserResponseSchema, getUser(fromBinary(GetUserRequestSchema, bytes)))],
  [
    CREATE_USER_PATH,
    (bytes) => toBinary(CreateUserResponseSchema, createUser(fromBinary(CreateUserRequestSchema, bytes))),
  ],
]);
