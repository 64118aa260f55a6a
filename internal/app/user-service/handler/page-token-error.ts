import { PageTokenError } from "@grpc-service-template/aip";
import { InvalidArgument } from "#internal/pkg/errors/errors.ts";

/** Says of a page token that cannot be used which field of the request it came in. */
export function rethrowPageTokenError(error: unknown): never {
  if (error instanceof PageTokenError) throw new InvalidArgument([{ field: "page_token", description: error.message }]);
  throw error;
}
