import { expect, test } from "vitest";
import { RuleError } from "../src/index.ts";
import { jsonOf, startLibrary } from "./start-library.ts";

const SERVICE = "library.v1.LibraryService";

/** What createRpcServer throws with these rules in place of the annotations. */
async function problemsOf(...rules: readonly object[]): Promise<string[]> {
  const error = await startLibrary({ rest: { serviceConfig: { http: { rules } } } }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RuleError);
  return (error as RuleError).problems.map(({ subject, rule, reason }) => `${subject}: ${rule}: ${reason}`);
}

test("every mistake in the rules is named, with RPC, rule and reason", async () => {
  const problems = await problemsOf(
    { selector: `${SERVICE}.GetBook`, get: "/v1/{name" },
    { selector: `${SERVICE}.ListBooks`, get: "/v1/{parent}/{nothing}" },
    { selector: `${SERVICE}.CreateBook`, post: "/v1/books", body: "nothing" },
    { selector: `${SERVICE}.GetAuthor`, get: "/v1/author", responseBody: "nothing" },
  );

  expect(problems).toEqual([
    expect.stringMatching(/GetBook: GET \/v1\/\{name: .+/),
    `${SERVICE}.ListBooks: GET /v1/{parent}/{nothing}: the variable "nothing": library.v1.ListBooksRequest has no field "nothing"`,
    `${SERVICE}.CreateBook: POST /v1/books: body: library.v1.CreateBookRequest has no field "nothing"`,
    `${SERVICE}.GetAuthor: GET /v1/author: response_body: library.v1.GetAuthorResponse has no field "nothing"`,
  ]);
});

test.each([
  ["a variable that is repeated", "TagBook", { post: "/v1/tags/{tags}" }, /"tags" is repeated/],
  ["a variable that is a map", "SearchBooks", { get: "/v1/{labels}" }, /"labels" is a map/],
  ["a variable that is a message", "SearchBooks", { get: "/v1/{author}" }, /"author" is a message/],
  ["a variable within a variable", "GetBook", { get: "/v1/{name=a/{isbn}}" }, /./],
  ["** before the end", "GetBook", { get: "/v1/**/{name}" }, /last/],
  ["a template without a slash", "GetBook", { get: "v1/{name}" }, /"\/"/],
  ["a body of GET", "GetBook", { get: "/v1/books", body: "*" }, /GET takes no body/],
  ["a body within a field", "CreateBook", { post: "/v1/books", body: "book.author" }, /of the message itself/],
  ["no pattern", "GetBook", {}, /no pattern/],
  [
    "bindings within a binding",
    "GetBook",
    { get: "/v1/a", additionalBindings: [{ get: "/v1/b", additionalBindings: [{ get: "/v1/c" }] }] },
    /additional bindings itself/,
  ],
])("%s is refused", async (_, rpc, rule, reason) => {
  const problems = await problemsOf({ selector: `${SERVICE}.${rpc}`, ...rule });

  expect(problems).toEqual([expect.stringMatching(reason)]);
});

test("two rules for the same requests are refused, and both are named", async () => {
  const [problem] = await problemsOf({ selector: `${SERVICE}.AuditBooks`, get: "/v1/messages/*" });

  expect(problem).toMatch(/MessagingService\.GetMessage/);
  expect(problem).toMatch(/LibraryService\.AuditBooks/);
});

test("a selector of nothing is refused", async () => {
  expect(await problemsOf({ selector: "nothing", get: "/v1" })).toEqual([
    'service config: undefined: the selector "nothing" selects no RPC',
  ]);
});

test("a service config in YAML overrides annotations, and leaves others as they are", async () => {
  const serviceConfig = `
type: google.api.Service
http:
  rules:
    - selector: library.v1.MessagingService.GetMessage
      get: /v2/messages/{message_id}/{sub.subfield}
`;
  const { call, received } = await startLibrary({ rest: { serviceConfig } });

  await call("GET /v2/messages/1/foo");

  expect(received.map(({ message }) => message)).toEqual([{ messageId: "1", sub: { subfield: "foo" } }]);
  expect((await call("GET /v1/messages/1")).status).toBe(405);
  expect((await call("GET /v1/isbn/2")).status).toBe(200);
});

test("of several rules for one RPC in a service config the last one wins", async () => {
  const selector = "library.v1.MessagingService.GetMessage";
  const rules = [
    { selector, get: "/v2/{message_id}" },
    { selector, get: "/v3/{message_id}" },
  ];
  const { call } = await startLibrary({ rest: { serviceConfig: JSON.stringify({ http: { rules } }) } });

  expect((await call("GET /v2/1")).status).toBe(404);
  expect(jsonOf(await call("GET /v3/1"))).toEqual({ messageId: "1", text: "Hi!" });
});

test("the root may have a rule", async () => {
  const rules = [{ selector: `${SERVICE}.AuditBooks`, get: "/" }];
  const { call } = await startLibrary({ rest: { serviceConfig: { http: { rules } } } });

  expect((await call("GET /")).status).toBe(200);
});
