import { describe, expect, test } from "vitest";
import { RuleError } from "../rules/rule-error.ts";
import { bindingOf } from "./router.fixture.ts";
import { createRouter } from "./router.ts";

/** `GET /v1/{id} id` for a match, `405 GET, HEAD`, `400 …`, or `404`. */
function answer(rules: readonly string[], request: string): string {
  const [httpMethod = "", path = ""] = request.split(" ");
  const found = createRouter(rules.map(bindingOf)).match(httpMethod, path);
  if (found === undefined) return "404";
  if (found.kind === "wrong-method") return `405 ${found.allow.join(", ")}`;
  if (found.kind === "bad-path") return `400 ${found.reason}`;
  return [rules.find((rule) => rule === found.binding.rpc.name), ...found.values.map((it) => JSON.stringify(it))].join(
    " ",
  );
}

const users = [
  "GET /v1/users",
  "POST /v1/users",
  "GET /v1/users/{id}",
  "PATCH /v1/users/{user.id}",
  "GET /v1/users/me",
  "GET /v1/users:batchGet",
  "POST /v1/users/{id}:undelete",
];

test.each([
  ["GET /v1/users", "GET /v1/users"],
  ["POST /v1/users", "POST /v1/users"],
  ["GET /v1/users/7", 'GET /v1/users/{id} "7"'],
  ["PATCH /v1/users/7", 'PATCH /v1/users/{user.id} "7"'],
  ["GET /v1/users/me", "GET /v1/users/me"],
  ["PATCH /v1/users/me", 'PATCH /v1/users/{user.id} "me"'],
  ["GET /v1/users:batchGet", "GET /v1/users:batchGet"],
  ["POST /v1/users/7:undelete", 'POST /v1/users/{id}:undelete "7"'],
  ["POST /v1/users/a:b:undelete", 'POST /v1/users/{id}:undelete "a:b"'],
  ["GET /v1/users/7:other", 'GET /v1/users/{id} "7:other"'],
  ["GET /v1/users/7:", 'GET /v1/users/{id} "7:"'],
  ["GET /v1/users/a:batchGet", 'GET /v1/users/{id} "a:batchGet"'],
  ["GET /v1/users/7%3Aundelete", 'GET /v1/users/{id} "7:undelete"'],
  ["POST /v1/users/7:un%64elete", 'POST /v1/users/{id}:undelete "7"'],
  ["GET /v1/users/7:undelete", "405 POST"],
  ["HEAD /v1/users/7", 'GET /v1/users/{id} "7"'],
  ["DELETE /v1/users", "405 GET, HEAD, POST"],
  ["DELETE /v1/users/me", "405 GET, HEAD, PATCH"],
  ["get /v1/users", "405 GET, HEAD, POST"],
  ["GET /v1/user%73", "GET /v1/users"],
  ["GET /v1/users/m%65", "GET /v1/users/me"],
  ["GET /v1/users/%6De", "GET /v1/users/me"],
  ["GET /v1/users/%2e%2E", 'GET /v1/users/{id} ".."'],
  ["GET /v1/users/..", 'GET /v1/users/{id} ".."'],
  ["GET /v1/users/a%2Fb", 'GET /v1/users/{id} "a/b"'],
  ["GET /v1/users/a%252Fb", 'GET /v1/users/{id} "a%2Fb"'],
  ["GET /v1/users/a+b", 'GET /v1/users/{id} "a+b"'],
  ["GET /v1/users/%C3%A9%00", 'GET /v1/users/{id} "é\\u0000"'],
  ["GET /v1/x/../users", "404"],
  ["GET /v1/users/", "404"],
  ["GET /v1//users", "404"],
  ["GET //v1/users", "404"],
  ["GET /V1/users", "404"],
  ["GET /v1", "404"],
  ["GET /v1/users/7/x", "404"],
  ["GET /", "404"],
  ["GET v1/users", "404"],
  ["OPTIONS *", "404"],
  ["GET ", "404"],
])("%s is %s", (request, expected) => {
  expect(answer(users, request)).toBe(expected);
});

const files = ["GET /v1/{name=files/**}", "GET /v1/{name=files/*}/tags/{tag}", "POST /v1/{name=**}:copy", "GET /"];

test.each([
  ["GET /v1/files", 'GET /v1/{name=files/**} "files"'],
  ["GET /v1/files/", 'GET /v1/{name=files/**} "files/"'],
  ["GET /v1/files/a", 'GET /v1/{name=files/**} "files/a"'],
  ["GET /v1/files/a//b/", 'GET /v1/{name=files/**} "files/a//b/"'],
  ["GET /v1/files/a/tags/x%2Fy", 'GET /v1/{name=files/*}/tags/{tag} "files/a" "x/y"'],
  ["GET /v1/files/a/tags", 'GET /v1/{name=files/**} "files/a/tags"'],
  ["GET /v1/files/a/tags/x/y", 'GET /v1/{name=files/**} "files/a/tags/x/y"'],
  ["GET /v1/files//tags/x", 'GET /v1/{name=files/**} "files//tags/x"'],
  ["GET /v1/files/a%2Fb%2f%20%252F%3A", 'GET /v1/{name=files/**} "files/a%2Fb%2f %2F:"'],
  ["GET /v1/%66iles/a", 'GET /v1/{name=files/**} "files/a"'],
  ["GET /v1/files/../x", 'GET /v1/{name=files/**} "files/../x"'],
  ["POST /v1/files/a:copy", 'POST /v1/{name=**}:copy "files/a"'],
  ["POST /v1:copy", 'POST /v1/{name=**}:copy ""'],
  ["POST /v1/:copy", 'POST /v1/{name=**}:copy ""'],
  ["GET /v1/files/a:copy", "405 POST"],
  ["GET /v1/files:x/a", "404"],
  ["POST /v1/files", "405 GET, HEAD"],
  ["GET /", "GET /"],
  ["GET //", "404"],
])("%s is %s", (request, expected) => {
  expect(answer(files, request)).toBe(expected);
});

describe("the most specific binding", () => {
  test.each([
    [["GET /a/b", "GET /a/*", "GET /a/**"], "GET /a/b", "GET /a/b"],
    [["GET /a/**", "GET /a/*"], "GET /a/b", "GET /a/*"],
    [["GET /a/**", "GET /a"], "GET /a", "GET /a"],
    [["GET /*/b", "GET /a/*"], "GET /a/b", "GET /a/*"],
    [["GET /a/*/c", "GET /*/b/d"], "GET /a/b/d", "GET /*/b/d"],
    [["GET /a/b/c", "GET /a/*/d", "GET /**"], "GET /a/b/e", "GET /**"],
    [["GET /**", "GET /"], "GET /", "GET /"],
    [["GET /**"], "GET /", "GET /**"],
    [["GET /*"], "GET /", "404"],
    [["GET /*"], "GET //", "404"],
  ])("of %j for %s is %s", (rules, request, expected) => {
    expect(answer(rules, request)).toBe(expected);
  });
});

describe("methods", () => {
  test.each([
    [["GET /a", "HEAD /a"], "HEAD /a", "HEAD /a"],
    [["GET /a", "* /a"], "GET /a", "GET /a"],
    [["GET /a", "* /a"], "HEAD /a", "GET /a"],
    [["GET /a", "* /a"], "PURGE /a", "* /a"],
    [["HEAD /a"], "GET /a", "405 HEAD"],
    [["POST /a/b", "GET /a/*", "PUT /**"], "GET /a/b", "GET /a/*"],
    [["POST /a/b", "GET /a/*", "PUT /**"], "DELETE /a/b", "405 GET, HEAD, POST, PUT"],
    [["PURGE /a"], "GET /a", "405 PURGE"],
    [["GET /a"], "__proto__ /a", "405 GET, HEAD"],
  ])("with %j, %s is %s", (rules, request, expected) => {
    expect(answer(rules, request)).toBe(expected);
  });
});

describe("a path that cannot be decoded", () => {
  const rules = ["GET /v1/{id}", "GET /v1/*/x", "GET /w/a"];
  const percent = "400 the path has a percent sign that no two hexadecimal digits follow";
  const utf8 = "400 the path's percent-encoded text is not UTF-8";
  const raw = "400 the path has characters that must be percent-encoded";
  test.each([
    ["GET /v1/%", percent],
    ["GET /v1/%4", percent],
    ["GET /v1/%zz", percent],
    ["GET /v1/%%2F", percent],
    ["GET /v1/%zz/x", percent],
    ["GET /v1/%FF", utf8],
    ["GET /v1/%C0%AF", utf8],
    ["GET /v1/%ED%A0%80", utf8],
    ["GET /v1/%C3", utf8],
    ["GET /v1/%C3/x", utf8],
    ["GET /v1/é", raw],
    ["GET /v1/\ud800", raw],
    ["GET /v1/\0", raw],
    ["GET /v1/\x7f", raw],
    ["GET /w/%zz", "404"],
    ["POST /v1/%zz", "405 GET, HEAD"],
  ])("%j is %s", (request, expected) => {
    expect(answer(rules, request)).toBe(expected);
  });
});

test("two bindings for exactly the same requests are refused, and both named", () => {
  const clash = () => createRouter(["GET /v1/{a}/x", "GET /v1/{b=*}/x", "POST /v1/{a}/x"].map(bindingOf));
  expect(clash).toThrow(RuleError);
  expect(clash).toThrow(/GET \/v1\/\{b\}\/x: matches the same requests as GET \/v1\/\{a\}\/x of test\.v1\.TestService/);
});
