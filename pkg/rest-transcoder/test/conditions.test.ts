import { expect, test } from "vitest";
import { badFields, badRequest, playTable, type Row } from "./conformance-table.ts";
import { type LibraryOptions, startLibrary } from "./start-library.ts";

// ETag, If-Match and If-None-Match. The books' etag is `v 1`, which no tag can have as it is.

const TAG = '"v%201"';
const GET = "GET /v1/shelves/1/books/2";
const gets = ["GetBook", { name: "shelves/1/books/2" }] as const;
const NAME = { name: "shelves/1/books/2" };

playTable("ETag", [
  { says: "is the etag in quotes, percent-encoded", send: GET, gets, answerHeaders: { etag: TAG } },
  {
    says: "is that of a write's answer too",
    send: "PATCH /v1/shelves/1/books/2",
    body: { title: "Emma" },
    gets: ["UpdateBook", { book: { ...NAME, title: "Emma" }, updateMask: "title" }],
    answerHeaders: { etag: TAG },
  },
  {
    says: "is not there without the field",
    send: "GET /v1/messages/1",
    gets: ["GetMessage", { messageId: "1" }],
    answerHeaders: { etag: null },
  },
]);

playTable("etagField: false", [{ says: "there is none", send: GET, gets, answerHeaders: { etag: null } }], {
  rest: { etagField: false },
});
playTable(
  "etagField: text",
  [
    {
      says: "is the field that carries it",
      send: "GET /v1/messages/1",
      gets: ["GetMessage", { messageId: "1" }],
      answerHeaders: { etag: '"Hi!"' },
    },
  ],
  { rest: { etagField: "text" } },
);

const QUOTED: LibraryOptions = {
  rest: { quotedEtags: true },
  handlers: {
    getBook: ({ name }) => ({ name, etag: name.endsWith("/none") ? "foo" : '"foo%20"' }),
    updateBook: ({ book }) => ({ name: book?.name ?? "", etag: book?.etag ?? "" }),
  },
};

playTable(
  "quotedEtags",
  [
    { says: "ETag is the field's value", send: GET, gets, answerHeaders: { etag: '"foo%20"' } },
    {
      says: "If-None-Match is compared with it",
      send: GET,
      headers: { "if-none-match": '"foo%20"' },
      gets,
      status: 304,
    },
    {
      says: "a value that is no tag is not sent",
      send: "GET /v1/shelves/1/books/none",
      gets: ["GetBook", { name: "shelves/1/books/none" }],
      answerHeaders: { etag: null },
    },
    {
      says: "If-Match is the field's value",
      send: "PATCH /v1/shelves/1/books/2",
      headers: { "if-match": '"foo%20"' },
      body: { title: "Emma" },
      gets: ["UpdateBook", { book: { ...NAME, title: "Emma", etag: '"foo%20"' }, updateMask: "title" }],
      answerHeaders: { etag: '"foo%20"' },
    },
  ],
  QUOTED,
);

const hit = (says: string, tags: string): Row => ({
  says,
  send: GET,
  headers: { "if-none-match": tags },
  gets,
  status: 304,
  answerHeaders: { etag: TAG, "content-type": null, "content-length": null },
});
const miss = (says: string, tags: string): Row => ({ says, send: GET, headers: { "if-none-match": tags }, gets });

playTable("If-None-Match", [
  hit("the tag", TAG),
  hit("the tag as a weak one", `W/${TAG}`),
  hit("the tag among others", `"a", ${TAG}, "b"`),
  hit("any tag", "*"),
  miss("another tag", '"v2"'),
  miss("what is no tag", "v%201"),
  { ...hit("HEAD", TAG), send: "HEAD /v1/shelves/1/books/2" },
  {
    says: "GET by a rule for any method",
    send: "GET /v1/catalog/a",
    headers: { "if-none-match": TAG },
    gets: ["BrowseCatalog", { path: "a" }],
    status: 304,
  },
  {
    says: "a write is refused",
    send: "DELETE /v1/shelves/1/books/2",
    headers: { "if-none-match": "*" },
    ...badRequest("if-none-match is not supported by this method"),
  },
  {
    says: "of what is not there",
    send: "GET /v1/shelves/404/books/2",
    headers: { "if-none-match": "*" },
    gets: ["GetBook", { name: "shelves/404/books/2" }],
    error: { code: 404, status: "NOT_FOUND", message: "there is no such book" },
  },
]);

test("a 304 varies by what the answer would have varied by", async () => {
  const { call } = await startLibrary({ server: { compressMinBytes: 10 } });

  const answer = await call(GET, { headers: { "if-none-match": "*" } });

  expect(answer.headers).toMatchObject({ vary: "accept-encoding" });
});

const failed = (says: string, send: string, tags: string, called?: Row["gets"]): Row => ({
  says,
  send,
  headers: { "if-match": tags },
  ...(called && { gets: called }),
  error: { code: 412, status: "ABORTED", message: /etag|entity tags|changed/ },
});

playTable(
  "If-Match of GET, where the field is empty",
  [
    failed("a tag", GET, '"v2"', gets),
    failed("the empty tag", GET, '""', gets),
    { says: "*", send: GET, headers: { "if-match": "*" }, gets, answerHeaders: { etag: null } },
  ],
  { handlers: { getBook: ({ name }) => ({ name }) } },
);
playTable(
  "If-Match of GET, etagField: false",
  [
    {
      says: "a tag",
      send: GET,
      headers: { "if-match": TAG },
      ...badRequest("if-match is not supported by this method"),
    },
  ],
  { rest: { etagField: false } },
);

const DELETE = "DELETE /v1/shelves/1/books/2";
const UPDATE = "PATCH /v1/shelves/1/books/2";
const deleted = (etag?: string): Row["gets"] => ["DeleteBook", { ...NAME, ...(etag !== undefined && { etag }) }];
const updated = (book: object, updateMask = "title"): Row["gets"] => [
  "UpdateBook",
  { book: { ...NAME, ...book }, updateMask },
];

playTable("If-Match", [
  { says: "the tag, of GET", send: GET, headers: { "if-match": TAG }, gets },
  failed("another tag, of GET", GET, '"v2"', gets),
  failed("a weak tag, of GET", GET, `W/${TAG}`, gets),
  {
    says: "another tag, of HEAD",
    send: "HEAD /v1/shelves/1/books/2",
    headers: { "if-match": '"v2"' },
    gets,
    status: 412,
  },
  { says: "*, of GET", send: GET, headers: { "if-match": "*" }, gets },
  {
    says: "a tag, of GET without such a field",
    send: "GET /v1/messages/1",
    headers: { "if-match": TAG },
    ...badRequest("if-match is not supported by this method"),
  },
  {
    says: "a tag, of GET whose answers are a google.api.HttpBody",
    send: "GET /v1/files/a",
    headers: { "if-match": TAG },
    ...badRequest("if-match is not supported by this method"),
  },
  {
    says: "what is no tag, of GET without such a field",
    send: "GET /v1/messages/1",
    headers: { "if-match": "v1" },
    ...badRequest(/^invalid if-match/),
  },
  {
    says: "*, of GET without such a field",
    send: "GET /v1/messages/1",
    headers: { "if-match": "*" },
    gets: ["GetMessage", { messageId: "1" }],
  },
  {
    says: "sets the request's etag",
    send: DELETE,
    headers: { "if-match": TAG },
    gets: deleted("v 1"),
  },
  failed("another tag is 412", DELETE, '"v2"', deleted("v2")),
  failed("a weak tag never matches", DELETE, `W/${TAG}`),
  { says: "* sets nothing", send: DELETE, headers: { "if-match": "*" }, gets: deleted() },
  {
    says: "sets the etag of the body's message, and is no update",
    send: UPDATE,
    headers: { "if-match": TAG },
    body: { title: "Emma" },
    gets: updated({ title: "Emma", etag: "v 1" }),
  },
  {
    ...failed("another tag, of PATCH", UPDATE, '"v2"', updated({ title: "Emma", etag: "v2" })),
    body: { title: "Emma" },
  },
  {
    says: "several tags",
    send: DELETE,
    headers: { "if-match": '"a", "b"' },
    ...badRequest("if-match with several entity tags is not supported: send one"),
  },
  { says: "what is no tag", send: DELETE, headers: { "if-match": "v1" }, ...badRequest(/^invalid if-match/) },
  {
    says: "another etag in the request than in the header",
    send: `${DELETE}?etag=v2`,
    headers: { "if-match": TAG },
    ...badFields("etag: must be the same as in if-match", "etag"),
  },
  {
    says: "the same in both",
    send: `${DELETE}?etag=v%201`,
    headers: { "if-match": TAG },
    gets: deleted("v 1"),
  },
  {
    says: "another etag in the body than in the header",
    send: UPDATE,
    headers: { "if-match": TAG },
    body: { etag: "v2" },
    ...badFields("book.etag: must be the same as in if-match", "book.etag"),
  },
  {
    says: "* where the resource need not be there",
    send: `${UPDATE}?allow_missing=true`,
    headers: { "if-match": "*" },
    body: { title: "Emma" },
    ...badFields("allow_missing: must not be set with if-match", "allow_missing"),
  },
  {
    says: "of a method without such a field",
    send: "POST /v1/shelves/1/books",
    headers: { "if-match": TAG },
    body: { title: "Emma" },
    ...badRequest("if-match is not supported by this method"),
  },
  {
    says: "ABORTED without it is 409",
    send: `${DELETE}?etag=v2`,
    gets: deleted("v2"),
    error: { code: 409, status: "ABORTED", message: "the book has changed" },
  },
]);
