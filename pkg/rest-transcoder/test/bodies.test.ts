import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { badFields, badRequest, playTable, type Row } from "./conformance-table.ts";
import { jsonOf, startLibrary } from "./start-library.ts";

const CREATE = "POST /v1/shelves/1/books";
const created = (book: Record<string, unknown>): Pick<Row, "gets"> => ({
  gets: ["CreateBook", { parent: "shelves/1", book: book as never }],
});
const EMMA = { title: "Emma" };
const EMMA_TEXT = JSON.stringify(EMMA);
const UTF16 = Buffer.from(EMMA_TEXT, "utf16le");

const unsupported = (message: string): Pick<Row, "error"> => ({
  error: { code: 415, status: "INVALID_ARGUMENT", message },
});
const NOT_JSON = unsupported("the content type must be application/json in UTF-8");

playTable("content types", [
  ...[
    "application/json",
    "application/json; charset=utf-8",
    'Application/JSON;charset="UTF-8"',
    "application/json; profile=books",
    "application/json;",
  ].map((type) => ({
    says: `${type} is JSON`,
    send: CREATE,
    headers: { "content-type": type },
    body: EMMA,
    ...created(EMMA),
  })),
  { says: "none is JSON", send: CREATE, body: EMMA, ...created(EMMA) },
  ...[
    "text/plain",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/json; charset=latin1",
    "application/json; charset",
    "application/proto",
    "application/x-www-form-urlencoded",
    "json",
  ].map((type) => ({
    says: `${type} is not`,
    send: CREATE,
    headers: { "content-type": type },
    body: EMMA,
    ...NOT_JSON,
    answerHeaders: { "accept-post": "application/json" },
  })),
  {
    says: "what PATCH takes is told by accept-patch",
    send: "PATCH /v1/shelves/1/books/2",
    headers: { "content-type": "text/plain" },
    body: EMMA,
    ...NOT_JSON,
    answerHeaders: { "accept-patch": "application/json", "accept-post": null },
  },
  {
    says: "what PUT takes is told by accept",
    send: "PUT /v1/shelves/1/books/2",
    headers: { "content-type": "text/plain" },
    body: EMMA,
    ...NOT_JSON,
    answerHeaders: { accept: "application/json", "accept-post": null },
  },
  {
    says: "that of a request without a body is of no interest",
    send: "GET /v1/messages/1",
    headers: { "content-type": "text/plain" },
    gets: ["GetMessage", { messageId: "1" }],
  },
]);

playTable("JSON", [
  { says: "an empty body sets nothing", send: CREATE, gets: ["CreateBook", { parent: "shelves/1" }] },
  {
    says: "an empty object sets an empty message",
    send: CREATE,
    body: {},
    ...created({}),
  },
  {
    says: "both names of a field are read",
    send: CREATE,
    body: { shelf_mark: "a", createTime: "2026-01-02T03:04:05Z" },
    ...created({ shelfMark: "a", createTime: "2026-01-02T03:04:05Z" }),
  },
  {
    says: "64-bit integers are read as text and as numbers",
    send: CREATE,
    body: '{"copies": 9007199254740991}',
    ...created({ copies: "9007199254740991" }),
  },
  {
    says: "enums are read by number",
    send: CREATE,
    body: { view: 2 },
    ...created({ view: "VIEW_FULL" }),
  },
  {
    says: "null sets nothing",
    send: CREATE,
    body: { title: null, author: null, tags: null },
    ...created({}),
  },
  {
    says: "an unknown field",
    send: CREATE,
    body: { title: "Emma", colour: "red" },
    ...badFields("book.colour: unknown field", "book.colour"),
  },
  {
    says: "a value of another type",
    send: CREATE,
    body: { title: 1, copies: "many" },
    ...badFields(/book.title: must be a string; book.copies: must be an integer/, "book.title", "book.copies"),
  },
  {
    says: "a field within",
    send: CREATE,
    body: { sequel: { author: { fullName: 1 } } },
    ...badFields("book.sequel.author.full_name: must be a string", "book.sequel.author.full_name"),
  },
  {
    says: "two fields of a oneof",
    send: CREATE,
    body: { shelfMark: "a", url: "b" },
    ...badFields(/only one of/, "book.medium"),
  },
  {
    says: "a name twice",
    send: CREATE,
    body: '{"title": "a", "title": "b"}',
    ...badFields("book.title: is set twice", "book.title"),
  },
  {
    says: "both names of a field at once",
    send: CREATE,
    body: '{"shelf_mark": "a", "shelfMark": "b"}',
    ...badFields(/set twice/, "book.shelf_mark"),
  },
  { says: "no JSON", send: CREATE, body: "{", ...badRequest("the body is not valid JSON") },
  { says: "spaces alone", send: CREATE, body: " ", ...badRequest("the body is not valid JSON") },
  { says: "something after it", send: CREATE, body: "{}{}", ...badRequest("the body is not valid JSON") },
  { says: "UTF-16", send: CREATE, body: UTF16, ...badRequest("the body is not valid JSON") },
  {
    says: "no UTF-8",
    send: CREATE,
    body: Buffer.from('{"title": "é"}', "latin1"),
    ...badRequest("the body is not valid UTF-8"),
  },
  {
    says: "another kind of value than the field has",
    send: CREATE,
    body: ["Emma"],
    ...badFields("book: must be a JSON object", "book"),
  },
  {
    says: "with *, no object",
    send: "PUT /v1/messages/1",
    body: ["Hi!"],
    ...badFields("library.v1.Message: must be a JSON object", "library.v1.Message"),
  },
  {
    says: "__proto__ is a field like others",
    send: CREATE,
    body: '{"__proto__": {"title": "a"}}',
    ...badFields("book.__proto__: unknown field", "book.__proto__"),
  },
]);

const nested = (depth: number): string => `${'{"sequel":'.repeat(depth - 1)}{}${"}".repeat(depth - 1)}`;

playTable("depth", [
  {
    says: "101 levels are too many",
    send: CREATE,
    body: nested(101),
    ...badRequest("the body is nested more than 100 deep"),
  },
  {
    says: "brackets in strings do not count",
    send: CREATE,
    body: { title: "[".repeat(200) },
    ...created({ title: "[".repeat(200) }),
  },
]);
playTable(
  "maxDepth: 2",
  [
    { says: "as many levels are taken", send: CREATE, body: nested(2), ...created({ sequel: {} }) },
    { says: "more are not", send: CREATE, body: nested(3), ...badRequest("the body is nested more than 2 deep") },
  ],
  { rest: { maxDepth: 2 } },
);

playTable(
  "ignoreUnknownFields",
  [{ says: "lets them through", send: CREATE, body: { title: "Emma", colour: { x: [1] } }, ...created(EMMA) }],
  { rest: { ignoreUnknownFields: true } },
);

playTable("content codings", [
  ...Object.entries({ gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync }).map(([coding, compress]) => ({
    says: `${coding} is taken`,
    send: CREATE,
    headers: { "content-encoding": coding },
    body: compress(EMMA_TEXT),
    ...created(EMMA),
  })),
  {
    says: "identity is none",
    send: CREATE,
    headers: { "content-encoding": "identity" },
    body: EMMA,
    ...created(EMMA),
  },
  {
    says: "one that is unknown",
    send: CREATE,
    headers: { "content-encoding": "snappy" },
    body: EMMA,
    error: { code: 415, status: "UNIMPLEMENTED", message: /compression/ },
    answerHeaders: { "accept-encoding": "gzip,br,deflate,zstd" },
  },
  {
    says: "bytes that are not what they are said to be",
    send: CREATE,
    headers: { "content-encoding": "gzip" },
    body: EMMA,
    ...badRequest("the message is not valid gzip data"),
  },
  {
    says: "half of them",
    send: CREATE,
    headers: { "content-encoding": "gzip" },
    body: gzipSync(EMMA_TEXT).subarray(0, 20),
    ...badRequest("the message is not valid gzip data"),
  },
]);

const tooLarge = (bytes: number): Pick<Row, "error"> => ({
  error: { code: 413, status: "RESOURCE_EXHAUSTED", message: new RegExp(`${bytes}`) },
});
const SMALL = { server: { readMaxBytes: 100 } };
const LONG = { title: "a".repeat(200) };

playTable(
  "readMaxBytes: 100",
  [
    { says: "a larger body is too large", send: CREATE, body: LONG, ...tooLarge(100) },
    {
      says: "one that expands to more too",
      send: CREATE,
      headers: { "content-encoding": "gzip" },
      body: gzipSync(JSON.stringify(LONG)),
      ...tooLarge(100),
    },
    { says: "one within it is not", send: CREATE, body: EMMA, ...created(EMMA) },
  ],
  SMALL,
);

test("a body of unknown length that grows too large is 413", async () => {
  const { call } = await startLibrary(SMALL);

  const answer = await call(CREATE, { headers: { "transfer-encoding": "chunked" }, body: LONG });

  expect(answer.status).toBe(413);
  expect(jsonOf(answer)).toMatchObject({ error: { status: "RESOURCE_EXHAUSTED" } });
});

test("a body of unknown length where the rule has none is refused", async () => {
  const { call, received } = await startLibrary();

  const answer = await call("GET /v1/messages/1", { headers: { "transfer-encoding": "chunked" }, body: "{}" });

  expect(jsonOf(answer)).toMatchObject({ error: { code: 400, message: "this method takes no body" } });
  expect(received).toEqual([]);
});
