import { type FastifyInstance, fastify } from "fastify";
import { plainUsers, toPlain } from "../servers/plain-users.ts";
import { idSchema, userSchema } from "../servers/user-schemas.ts";
import { NEXT_PAGE_TOKEN, PAGE_SIZE, USERS } from "../servers/users.ts";
import { USERS_PATH } from "./rest-calls.ts";

const allUsers = USERS.map(toPlain);

const userPageSchema = {
  type: "object",
  properties: { users: { type: "array", items: userSchema }, nextPageToken: { type: "string" } },
} as const;

/** What protovalidate holds ours to. */
const pageQuerySchema = {
  type: "object",
  additionalProperties: false,
  properties: { pageSize: { type: "integer", minimum: 0 }, pageToken: { type: "string", maxLength: 1024 } },
} as const;

/** As createFastifyServer, with schemas for the parameters of path and query. */
export function createFastifyRestServer(): FastifyInstance {
  const server = fastify();
  server.get<{ Params: { id: string } }>(
    `${USERS_PATH}/:id`,
    { schema: { params: idSchema, response: { 200: userSchema } } },
    async ({ params }) => plainUsers.get(params.id),
  );
  server.get<{ Querystring: { pageSize?: number } }>(
    USERS_PATH,
    { schema: { querystring: pageQuerySchema, response: { 200: userPageSchema } } },
    async ({ query: { pageSize = PAGE_SIZE } }) => ({
      users: allUsers.slice(0, pageSize),
      nextPageToken: NEXT_PAGE_TOKEN,
    }),
  );
  return server;
}
