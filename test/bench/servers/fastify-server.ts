import { type FastifyInstance, fastify } from "fastify";
import { plainPage, plainUsers } from "./plain-users.ts";
import { idSchema, pageQuerySchema, userPageSchema, userSchema } from "./user-schemas.ts";
import { GET_USER_PATH, USERS_PATH } from "./users.ts";

/**
 * Fastify with a schema for the body, which it checks as protovalidate does ours, and one for the answer, from which it
 * compiles a serializer. The same JSON over the same path.
 */
export function createFastifyServer(): FastifyInstance {
  const server = fastify();
  server.post<{ Body: { id: string } }>(
    GET_USER_PATH,
    { schema: { body: idSchema, response: { 200: { type: "object", properties: { user: userSchema } } } } },
    async ({ body }) => ({ user: plainUsers.get(body.id) }),
  );
  return server;
}

/** The same for REST: schemas for parameters of path and query. */
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
    async ({ query }) => plainPage(query.pageSize),
  );
  return server;
}
