import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { FieldMaskError, resolveUpdateMask } from "@grpc-service-template/aip";
import { type User as UserMessage, UserSchema } from "#api/user/v1/user_pb.ts";
import { InvalidArgument } from "#internal/pkg/errors/errors.ts";
import type { UserFields } from "../model/user.ts";

/** What an update may change, in the names of the proto, and where the model has it. None of them may be cleared. */
const MUTABLE = { email: "email", display_name: "displayName" } as const satisfies Record<string, keyof UserFields>;

const MUTABLE_PATHS = Object.keys(MUTABLE) as (keyof typeof MUTABLE)[];

/**
 * The fields that an update request changes, with their new values.
 * @throws InvalidArgument naming every path that is unknown or output-only, every field that would be cleared
 */
export function fieldsToUpdate(user: UserMessage, mask: FieldMask | undefined): Partial<UserFields> {
  const names = resolvePaths(user, mask).map((path) => ({ path, name: MUTABLE[path] }));
  const cleared = names.filter(({ name }) => user[name] === "");
  if (cleared.length > 0) {
    throw new InvalidArgument(cleared.map(({ path }) => ({ field: `user.${path}`, description: "cannot be cleared" })));
  }
  return Object.fromEntries(names.map(({ name }) => [name, user[name]]));
}

function resolvePaths(user: UserMessage, mask: FieldMask | undefined) {
  try {
    return resolveUpdateMask({ schema: UserSchema, message: user, mask, mutable: MUTABLE_PATHS });
  } catch (error) {
    if (!(error instanceof FieldMaskError)) throw error;
    throw new InvalidArgument(
      error.violations.map(({ path, description }) => ({
        field: "update_mask",
        description: `"${path}": ${description}`,
      })),
    );
  }
}
