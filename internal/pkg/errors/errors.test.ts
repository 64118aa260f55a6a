import { expect, test } from "vitest";
import {
  Aborted,
  AlreadyExists,
  DeadlineExceeded,
  DomainError,
  FailedPrecondition,
  InvalidArgument,
  NotFound,
  PermissionDenied,
  ResourceExhausted,
  Unauthenticated,
  Unavailable,
} from "./errors.ts";

const options = { reason: "A_REASON", message: "what is wrong" };
const resource = { type: "user.v1.User", name: "42" };

test.each([
  ["NotFound", new NotFound({ ...options, resource })],
  ["AlreadyExists", new AlreadyExists({ ...options, resource })],
  ["Aborted", new Aborted(options)],
  ["FailedPrecondition", new FailedPrecondition(options)],
  ["Unauthenticated", new Unauthenticated(options)],
  ["PermissionDenied", new PermissionDenied(options)],
  ["DeadlineExceeded", new DeadlineExceeded(options)],
  ["ResourceExhausted", new ResourceExhausted({ ...options, retryAfterMs: 1 })],
  ["Unavailable", new Unavailable({ ...options, retryAfterMs: 1 })],
])("%s is a DomainError that a stack trace calls by its name", (name, error) => {
  expect(error).toBeInstanceOf(DomainError);
  expect(error).toMatchObject({ name, reason: "A_REASON", message: "what is wrong", metadata: {} });
  expect(String(error)).toBe(`${name}: what is wrong`);
  expect(error).not.toHaveProperty("cause");
});

test("an error carries its cause, its metadata, its resource and its pause as they were given", () => {
  const cause = new Error("why");
  expect(new Aborted({ ...options, cause, metadata: { a: "b" } })).toMatchObject({ cause, metadata: { a: "b" } });
  expect(new NotFound({ ...options, resource }).resource).toEqual(resource);
  expect(new Unavailable({ ...options, retryAfterMs: 250 }).retryAfterMs).toBe(250);
});

test("the message of InvalidArgument lists the violations, those of no field by their description alone", () => {
  const violations = [
    { field: "user.email", description: "is no address" },
    { field: "", description: "has too much" },
  ];
  const error = new InvalidArgument(violations);
  expect(error).toMatchObject({ reason: "INVALID_REQUEST", message: "user.email: is no address; has too much" });
  expect(error.violations).toBe(violations);
});

test("InvalidArgument takes a reason of the service's own, and a cause", () => {
  const cause = new Error("why");
  const error = new InvalidArgument([], { reason: "BAD_PAGE_TOKEN", cause });
  expect(error).toMatchObject({ reason: "BAD_PAGE_TOKEN", cause });
});
