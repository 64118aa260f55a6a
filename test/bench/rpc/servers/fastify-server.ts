import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type FastifyInstance, fastify } from "fastify";
import { GET_USER_PATH, USER } from "./users.ts";

const text = { type: "string" } as const;
const time = { type: "string", format: "date-time" } as const;

/**
 * Fastify with a schema for the body, which it checks as protovalidate does ours, and one for the answer, from which it
 * compiles a serializer. The same JSON over the same path.
 */
export function createFastifyServer(): FastifyInstance {
  const { id, email, displayName, etag } = USER;
  const createTime = USER.createTime && timestampDate(USER.createTime);
  const updateTime = USER.updateTime && timestampDate(USER.updateTime);
  const users = new Map([[id, { id, email, displayName, etag, createTime, updateTime }]]);
  const server = fastify();
  server.post<{ Body: { id: string } }>(
    GET_USER_PATH,
    {
      schema: {
        body: {
          type: "object",
          required: ["id"],
          additionalProperties: false,
          properties: { id: { type: "string", format: "uuid" } },
        },
        response: {
          200: {
            type: "object",
            properties: {
              user: {
                type: "object",
                properties: {
                  id: text,
                  email: text,
                  displayName: text,
                  etag: text,
                  createTime: time,
                  updateTime: time,
                },
              },
            },
          },
        },
      },
    },
    async ({ body }) => ({ user: users.get(body.id) }),
  );
  return server;
}
