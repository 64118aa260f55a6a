import { type FastifyInstance, fastify } from "fastify";
import { plainUsers } from "./plain-users.ts";
import { idSchema, userSchema } from "./user-schemas.ts";
import { GET_USER_PATH } from "./users.ts";

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
