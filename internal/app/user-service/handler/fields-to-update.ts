import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { FieldMaskError, resolveUpdateMask } from "@grpc-service-template/aip";
import { type User as UserMessage, UserSchema } from "#api/user/v1/user_pb.ts";
import { InvalidArgument } from "#internal/pkg/errors/errors.ts";
import type { UserFields } from "../model/user.ts";

/** What an update may change: each field's path in the proto, and whether it may be cleared. All are here, or it does not compile. */
const FIELDS = {
  email: { path: "email", clearable: false },
  displayName: { path: "display_name", clearable: false },
} as const satisfies Record<keyof UserFields, { readonly path: string; readonly clearable: boolean }>;

const NAMES = Object.keys(FIELDS) as (keyof typeof FIELDS)[];

/**
 * The fields that an update request changes, with their new values.
 * @throws InvalidArgument naming every path that is unknown or output-only, every field that would be cleared and may not
 */
export function fieldsToUpdate(user: UserMessage, mask: FieldMask | undefined): Partial<UserFields> {
  const paths = new Set(resolvePaths(user, mask));
  const names = NAMES.filter((name) => paths.has(FIELDS[name].path));
  const cleared = names.filter((name) => !FIELDS[name].clearable && user[name] === "");
  if (cleared.length > 0) {
    throw new InvalidArgument(
      cleared.map((name) => ({ field: `user.${FIELDS[name].path}`, description: "cannot be cleared" })),
    );
  }
  return Object.fromEntries(names.map((name) => [name, user[name]]));
}

function resolvePaths(user: UserMessage, mask: FieldMask | undefined) {
  const mutable = NAMES.map((name) => FIELDS[name].path);
  try {
    return resolveUpdateMask({ schema: UserSchema, message: user, mask, mutable });
  } catch (error) {
    if (!(error instanceof FieldMaskError)) throw error;
    throw new InvalidArgument(
      error.violations.map(({ path, description }) => ({
        field: "update_mask",
        description: `${JSON.stringify(path)}: ${description}`,
      })),
    );
  }
}
