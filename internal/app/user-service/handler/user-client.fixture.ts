import { type Client, Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { v7 as uuidv7 } from "uuid";
import { expect } from "vitest";
import winston from "winston";
import { BadRequestSchema, ErrorInfoSchema, ResourceInfoSchema } from "#api/google/rpc/error_details_pb.ts";
import type { User as UserMessage } from "#api/user/v1/user_pb.ts";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import { createErrorsInterceptor } from "#internal/pkg/middleware/errors.ts";
import { createValidationInterceptor } from "#internal/pkg/middleware/validation.ts";
import type { UserRepository } from "../model/user-repository.ts";
import { createInMemoryUserRepository } from "../repository/in-memory-user-repository.ts";
import { newUser } from "../repository/user.fixture.ts";
import { createUserService } from "../service/user-service.ts";
import { createUserHandler } from "./user-handler.ts";

export type UserClient = Client<typeof UserService>;

/** A client of the handler, behind the interceptors that have a say in its answers. The clock goes on by a second a call. */
export function createUserClient(repository: UserRepository = createInMemoryUserRepository()): UserClient {
  let seconds = 0;
  const now = () => {
    seconds += 1;
    return new Date(seconds * 1_000);
  };
  const users = createUserHandler(createUserService({ repository, newId: uuidv7, now }));
  const interceptors = [
    createErrorsInterceptor({ domain: "user-service", logger: winston.createLogger({ silent: true }) }),
    createValidationInterceptor(),
  ];
  return createClient(
    UserService,
    createRouterTransport((router) => router.service(UserService, users), { router: { interceptors } }),
  );
}

/** A client of a service that has `count` users. */
export function createClientOfMany(count: number): { client: UserClient; ids: readonly string[] } {
  const stored = Array.from({ length: count }, () => newUser());
  const repository = createInMemoryUserRepository(new Map(stored.map((user) => [user.id, user])));
  return { client: createUserClient(repository), ids: stored.map(({ id }) => id) };
}

/** The user that an answer holds. */
export async function userOf(answer: Promise<{ user?: UserMessage | undefined }>): Promise<UserMessage> {
  const { user } = await answer;
  return user ?? expect.unreachable("there is no user in the answer");
}

/** What a client can read from the error that a call fails with. */
export async function refusalOf(call: Promise<unknown>) {
  const error = await call.then(
    () => expect.unreachable("the call succeeded"),
    (reason) => reason,
  );
  if (!(error instanceof ConnectError)) throw error;
  const [info, ...infos] = error.findDetails(ErrorInfoSchema);
  expect(infos).toEqual([]);
  expect(info?.domain).toBe("user-service");
  const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const resources = error.findDetails(ResourceInfoSchema);
  return {
    code: Code[error.code],
    message: error.rawMessage,
    reason: info?.reason,
    metadata: info?.metadata,
    fields: violations.map(({ field }) => field),
    descriptions: violations.map(({ description }) => description),
    resources: resources.map(({ resourceType, resourceName }) => `${resourceType} ${resourceName}`),
  };
}

export const INVALID = { code: "InvalidArgument", reason: "INVALID_REQUEST", resources: [] };
export const ETAG_MISMATCH = { code: "Aborted", reason: "ETAG_MISMATCH", fields: [], resources: [] };

/** An error about a user that is not there. */
export const notFound = (id: string) => ({
  code: "NotFound",
  reason: "USER_NOT_FOUND",
  fields: [],
  resources: [`user.v1.User ${id}`],
});

/** An error about an email that another user has. */
export const emailTaken = (email: string) => ({
  code: "AlreadyExists",
  reason: "EMAIL_TAKEN",
  metadata: { field: "user.email" },
  fields: [],
  resources: [`user.v1.User ${email}`],
});

/** Etags that no user has: of another version, and what is none at all. */
export const WRONG_ETAGS: readonly (readonly [string, string])[] = [
  ["of another version", etag("v2")],
  ["with its padding", `${etag("v1")}=`],
  ["with a space before it", ` ${etag("v1")}`],
  ["of the version 0", etag("v0")],
  ["of a version with a leading zero", etag("v01")],
  ["of a negative version", etag("v-1")],
  ["of a version beyond counting", etag("v99999999999")],
  ["of a version that is no number", etag("vNaN")],
  ["of no version", etag("v")],
  ["of something else", etag("1")],
  ["that was never encoded", "v1"],
  ["in HTTP's quotes", `"${etag("v1")}"`],
  ["that stands for any in HTTP", "*"],
  ["of 64 characters", "A".repeat(64)],
  ["that is not ASCII", "ж"],
];

function etag(text: string): string {
  return Buffer.from(text).toString("base64url");
}
