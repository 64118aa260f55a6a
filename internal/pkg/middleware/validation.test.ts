import type { MessageInitShape } from "@bufbuild/protobuf";
import { createValidator, RuntimeError } from "@bufbuild/protovalidate";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test, vi } from "vitest";
import { BadRequestSchema } from "#api/google/rpc/error_details_pb.ts";
import { type CreateUserRequestSchema, UserService } from "#api/user/v1/user_service_pb.ts";
import { InvalidArgument } from "#internal/pkg/errors/errors.ts";
import { captureLog, collect, connectTo, startEchoServer, streamOf } from "./echo-server.fixture.ts";
import { createErrorsInterceptor } from "./errors.ts";
import { createValidationInterceptor } from "./validation.ts";

const ID = "0199f0a0-0000-7000-8000-000000000000";

/** A user service that answers whatever is let through to it, and what it was asked. */
async function startUsers() {
  const { logger } = captureLog();
  const createUser = vi.fn(() => ({}));
  const { baseUrl } = await startEchoServer({
    interceptors: [createErrorsInterceptor({ domain: "users", logger }), createValidationInterceptor()],
    routes: (router) => router.service(UserService, { createUser, getUser: () => ({}), updateUser: () => ({}) }),
  });
  return { users: createClient(UserService, connectTo(baseUrl, "grpc")), createUser };
}

/** The violations that a call is refused with, each as `field: description`. */
async function violationsOf(call: Promise<unknown>): Promise<string[]> {
  const error = await call.then(
    () => expect.unreachable("the request was let through"),
    (reason: unknown) => ConnectError.from(reason),
  );
  expect(error.code).toBe(Code.InvalidArgument);
  const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  return violations.map(({ field, description }) => `${field}: ${description}`);
}

describe("a unary request", () => {
  test("that follows its rules reaches the handler", async () => {
    const { users, createUser } = await startUsers();
    await users.createUser({ user: { email: "ada@example.com", displayName: "Ada" } });
    expect(createUser).toHaveBeenCalledOnce();
  });

  test("that breaks a rule is refused with the field's path, and does not reach the handler", async () => {
    const { users, createUser } = await startUsers();
    const call = users.createUser({ user: { email: "no address", displayName: "Ada" } });
    await expect(violationsOf(call)).resolves.toEqual(["user.email: must be a valid email address"]);
    expect(createUser).not.toHaveBeenCalled();
  });

  test.each<[string, MessageInitShape<typeof CreateUserRequestSchema>, string[]]>([
    ["no user", {}, ["user: value is required"]],
    ["no email", { user: { displayName: "Ada" } }, ["user.email: value is required"]],
    ["no display name", { user: { email: "a@b.cd" } }, ["user.display_name: value is required"]],
    ["an empty user", { user: {} }, ["user.email: value is required", "user.display_name: value is required"]],
  ])("that lacks what is required (%s) is refused with the path of each missing field", async (_what, request, all) => {
    const { users } = await startUsers();
    await expect(violationsOf(users.createUser(request))).resolves.toEqual(all);
  });

  test("that breaks several rules is refused with all of them", async () => {
    const { users } = await startUsers();
    const call = users.createUser({ user: { email: "no address" } });
    const violations = await violationsOf(call);
    expect(violations.map((violation) => violation.split(":")[0]).toSorted()).toEqual([
      "user.display_name",
      "user.email",
    ]);
  });

  test("that lacks the id inside its user is refused with the id's path", async () => {
    const { users } = await startUsers();
    await expect(violationsOf(users.updateUser({ user: {} }))).resolves.toEqual(["user.id: value is required"]);
    await expect(users.updateUser({ user: { id: ID } })).resolves.toBeDefined();
  });

  test("whose own field is required and missing is refused with that field's path", async () => {
    const { users } = await startUsers();
    await expect(violationsOf(users.getUser({}))).resolves.toEqual(["id: value is required"]);
  });
});

/** Refuses messages with the text "bad". protovalidate's rules stand in protos, and the echo service's has none. */
const refuseBad = {
  ...createValidator(),
  validate: (_schema: unknown, message: { text?: string }) =>
    message.text === "bad"
      ? { kind: "invalid", violations: [{ field: [], ruleId: "x.required", message: "is bad" }] }
      : { kind: "valid" },
} as unknown as ReturnType<typeof createValidator>;

async function startStreams() {
  const { logger } = captureLog();
  return startEchoServer({
    interceptors: [
      createErrorsInterceptor({ domain: "echo", logger }),
      createValidationInterceptor({ validator: refuseBad }),
    ],
  });
}

describe("the messages of a stream", () => {
  test("reach the handler when each follows its rules", async () => {
    const { client } = await startStreams();
    await expect(client().echoClientStream(streamOf({ text: "a" }, { text: "b" }))).resolves.toMatchObject({
      text: "a b",
    });
    await expect(collect(client().echoServerStream({ text: "a", count: 2 }))).resolves.toHaveLength(2);
  });

  test("end the call at the first that breaks a rule, in every kind of stream", async () => {
    const { client } = await startStreams();
    const bad = () => streamOf({ text: "a" }, { text: "bad" }, { text: "c" });
    await expect(violationsOf(client().echoClientStream(bad()))).resolves.toEqual([": is bad"]);
    await expect(violationsOf(collect(client().echoBidiStream(bad())))).resolves.toEqual([": is bad"]);
    const answers = collect(client().echoServerStream({ text: "bad", count: 2 }));
    await expect(violationsOf(answers)).resolves.toEqual([": is bad"]);
  });

  test("before the one that breaks a rule are answered", async () => {
    const { client } = await startStreams();
    const texts: string[] = [];
    const call = (async () => {
      const answers = client().echoBidiStream(streamOf({ text: "a" }, { text: "bad" }));
      for await (const { text } of answers) texts.push(text);
    })();
    await expect(call).rejects.toMatchObject({ code: Code.InvalidArgument });
    expect(texts).toEqual(["a"]);
  });
});

test("a rule that cannot be evaluated is the service's fault: INTERNAL, logged, nothing of it sent", async () => {
  const { logger, lines } = captureLog();
  const error = new RuntimeError("no such overload");
  const validate = () => ({ kind: "error", error });
  const broken = { validate } as unknown as ReturnType<typeof createValidator>;
  const { client } = await startEchoServer({
    interceptors: [
      createErrorsInterceptor({ domain: "echo", logger }),
      createValidationInterceptor({ validator: broken }),
    ],
  });
  await expect(client().echo({})).rejects.toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
  expect(lines).toMatchObject([{ message: "unknown error" }]);
  expect(lines[0]?.error).toContain("no such overload");
});

describe("the rules of the services that are named", () => {
  test("are compiled before the first call", () => {
    const asked: string[] = [];
    const validator = createValidator();
    const watched: typeof validator = {
      ...validator,
      validate: (schema, message) => {
        asked.push(schema.typeName);
        return validator.validate(schema, message);
      },
    };
    createValidationInterceptor({ services: [UserService], validator: watched });
    expect(asked).toEqual(UserService.methods.map(({ input }) => input.typeName));
  });

  test("are refused when one cannot be evaluated, with the name of its message", () => {
    const error = new RuntimeError("undeclared reference to 'thiss'");
    const validator = { validate: () => ({ kind: "error", error }) } as unknown as ReturnType<typeof createValidator>;
    expect(() => createValidationInterceptor({ services: [UserService], validator })).toThrow(
      "a rule of user.v1.CreateUserRequest cannot be evaluated: undeclared reference to 'thiss'",
    );
  });
});

test("a refusal is an InvalidArgument for the interceptors around it", async () => {
  let caught: unknown;
  const { client } = await startEchoServer({
    interceptors: [
      (next) => async (request) => {
        try {
          return await next(request);
        } catch (error) {
          caught = error;
          throw error;
        }
      },
      createValidationInterceptor({ validator: refuseBad }),
    ],
  });
  await expect(client().echo({ text: "bad" })).rejects.toMatchObject({ code: Code.Internal });
  expect(caught).toBeInstanceOf(InvalidArgument);
});
