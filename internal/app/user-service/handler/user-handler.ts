import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { UserSchema } from "#api/user/v1/user_pb.ts";
import type { UserService as UserServiceDescriptor } from "#api/user/v1/user_service_pb.ts";
import { callFrom } from "#internal/pkg/call/call.ts";
import type { UserService } from "../service/user-service.ts";
import { fieldsToUpdate } from "./fields-to-update.ts";
import { rethrowPageTokenError } from "./page-token-error.ts";
import { toUserMessage, versionOf } from "./user-mapper.ts";

/** Answers user.v1.UserService: requests in, answers out, all rules left to `users`. The requests are valid by their proto. */
export function createUserHandler(users: UserService): ServiceImpl<typeof UserServiceDescriptor> {
  return {
    async createUser({ user }, context) {
      const { email = "", displayName = "" } = user ?? {};
      return { user: toUserMessage(await users.create({ email, displayName }, callFrom(context))) };
    },

    async getUser({ id }, context) {
      return { user: toUserMessage(await users.get(id.toLowerCase(), callFrom(context))) };
    },

    async listUsers({ pageSize, pageToken }, context) {
      const page = await users.list({ pageSize, pageToken }, callFrom(context)).catch(rethrowPageTokenError);
      return { users: page.users.map(toUserMessage), nextPageToken: page.nextPageToken };
    },

    async updateUser({ user = create(UserSchema), updateMask }, context) {
      const version = versionOf(user.etag);
      const command = { id: user.id.toLowerCase(), fields: fieldsToUpdate(user, updateMask) };
      const updated = await users.update({ ...command, ...(version !== undefined && { version }) }, callFrom(context));
      return { user: toUserMessage(updated) };
    },

    async deleteUser({ id, etag }, context) {
      await users.delete(id.toLowerCase(), versionOf(etag), callFrom(context));
      return {};
    },
  };
}
