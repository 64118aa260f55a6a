const text = { type: "string" } as const;
const time = { type: "string", format: "date-time" } as const;

/** A user as JSON, from which Fastify compiles a serializer. */
export const userSchema = {
  type: "object",
  properties: { id: text, email: text, displayName: text, etag: text, createTime: time, updateTime: time },
} as const;

/** What protovalidate holds ours to. */
export const idSchema = {
  type: "object",
  required: ["id"],
  additionalProperties: false,
  properties: { id: { type: "string", format: "uuid" } },
} as const;
