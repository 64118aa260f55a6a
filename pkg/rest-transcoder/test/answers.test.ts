import { expect, test } from "vitest";
import { playTable } from "./conformance-table.ts";
import { wires } from "./http-client.ts";
import { BOOK_ETAG } from "./library-service.ts";
import { jsonOf, startLibrary } from "./start-library.ts";

const GET = "GET /v1/shelves/1/books/2";
const gets = ["GetBook", { name: "shelves/1/books/2" }] as const;
const BOOK = {
  name: "shelves/1/books/2",
  title: "Emma",
  tags: [],
  labels: {},
  etag: BOOK_ETAG,
  copies: "0",
  view: "VIEW_UNSPECIFIED",
};

playTable("answers", [
  {
    says: "have fields with default values, and not those that can be unset and are",
    send: GET,
    gets,
    answers: BOOK,
    answerHeaders: { "content-type": "application/json", "x-content-type-options": null },
  },
  { says: "may be empty", send: "GET /v1/books:search", gets: ["SearchBooks", {}], answers: {} },
]);

playTable(
  "alwaysEmitImplicit: false",
  [
    {
      says: "leaves default values out",
      send: GET,
      gets,
      answers: { name: BOOK.name, title: "Emma", etag: BOOK_ETAG },
    },
  ],
  { rest: { alwaysEmitImplicit: false } },
);

playTable("enumAsInteger", [{ says: "writes numbers", send: GET, gets, answers: { ...BOOK, view: 0 } }], {
  rest: { enumAsInteger: true },
});

playTable("int64AsNumbers", [{ says: "writes numbers", send: GET, gets, answers: { ...BOOK, copies: 0 } }], {
  rest: { int64AsNumbers: true },
});

playTable(
  "useProtoFieldName",
  [
    {
      says: "writes the proto's names",
      send: "GET /v1/messages/1",
      gets: ["GetMessage", { messageId: "1" }],
      answers: { message_id: "1", text: "Hi!" },
    },
  ],
  { rest: { useProtoFieldName: true } },
);

const EMPTY = "shelves/empty";
const EMPTY_BOOK = { name: `${EMPTY}/books/1` };

playTable("response_body", [
  {
    says: "of a list that is empty is []",
    send: `GET /v1/${EMPTY}/titles`,
    gets: ["ListTitles", { parent: EMPTY }],
    answers: [],
  },
  {
    says: "of a message that is unset is {}",
    send: `GET /v1/${EMPTY}/books/1/author`,
    gets: ["GetAuthor", EMPTY_BOOK],
    answers: {},
  },
  {
    says: "of a time that is unset is null",
    send: `GET /v1/${EMPTY}/books/1/due`,
    gets: ["GetDueTime", EMPTY_BOOK],
    answers: null,
  },
  {
    says: "of a time is its text",
    send: "GET /v1/shelves/1/books/2/due",
    gets: ["GetDueTime", { name: "shelves/1/books/2" }],
    answers: "1970-01-01T00:00:00Z",
  },
  {
    says: "of a 64-bit integer is text",
    send: "GET /v1/shelves/1/books:count",
    gets: ["CountBooks", { parent: "shelves/1" }],
    answers: "9007199254740993",
  },
  {
    says: "of one that is 0 is its default value",
    send: `GET /v1/${EMPTY}/books:count`,
    gets: ["CountBooks", { parent: EMPTY }],
    answers: "0",
  },
]);

const file = (says: string, target: string, name: string, contentType: string) => ({
  says,
  send: `GET ${target}`,
  gets: ["GetFile", { name }] as const,
  answerHeaders: { "content-type": contentType, "x-content-type-options": "nosniff" },
});

playTable("google.api.HttpBody", [
  file("has its own content type, and is not to be guessed at", "/v1/files/a", "files/a", "text/plain; charset=latin1"),
  {
    ...file("is sent whatever the request accepts", "/v1/files/a", "files/a", "text/plain; charset=latin1"),
    headers: { accept: "application/json" },
  },
  {
    says: "may be a field of the answer",
    send: "GET /v1/shelves/1/books/2/cover",
    gets: ["GetCover", { name: "shelves/1/books/2" }],
    answerHeaders: { "content-type": "image/png", "content-length": "2" },
  },
  {
    says: "that is unset is empty",
    send: `GET /v1/${EMPTY}/books/1/cover`,
    gets: ["GetCover", EMPTY_BOOK],
    answerHeaders: { "content-type": "application/octet-stream", "content-length": "0" },
  },
]);

test("a content type with a line break in it becomes application/octet-stream", async () => {
  const getFile = () => ({ contentType: "text/html\r\nset-cookie: a=b", data: Buffer.from("x") });
  const { call } = await startLibrary({ handlers: { getFile } });

  const answer = await call("GET /v1/files/a");

  expect(answer.headers).toMatchObject({ "content-type": "application/octet-stream" });
  expect(answer.headers).not.toHaveProperty("set-cookie");
});

test.each(wires)("bytes arrive as they are, %s", async (wire) => {
  const { call } = await startLibrary();

  const answer = await call("GET /v1/shelves/1/books/2/cover", { wire });

  expect([...answer.body]).toEqual([0x89, 0xff]);
});

test.each(["gzip", "br"])("answers of 1 KiB and more are compressed for those who accept %s", async (coding) => {
  const { call } = await startLibrary();
  const headers = { "accept-encoding": coding };

  const long = await call("GET /v1/shelves/1/books?page_size=50", { headers });
  const short = await call("GET /v1/shelves/1/books?page_size=1", { headers });

  expect(long.headers).toMatchObject({ "content-encoding": coding, vary: "accept-encoding" });
  expect((jsonOf(long) as { books: unknown[] }).books).toHaveLength(50);
  expect(short.headers).not.toHaveProperty("content-encoding");
});

test("an answer that is larger than writeMaxBytes is RESOURCE_EXHAUSTED", async () => {
  const { call } = await startLibrary({ rest: { writeMaxBytes: 100 } });

  const answer = await call("GET /v1/shelves/1/books?page_size=50");

  expect(answer.status).toBe(429);
  expect(jsonOf(answer)).toMatchObject({ error: { code: 429, status: "RESOURCE_EXHAUSTED" } });
});

playTable("accept", [
  ...["application/json", "*/*", "application/*;q=0.1", "text/html, application/json;q=0.9", "APPLICATION/JSON"].map(
    (accept) => ({ says: `${accept} takes JSON`, send: GET, headers: { accept }, gets }),
  ),
  ...["text/html", "application/json;q=0", "application/json;q=0, */*", "nonsense", "application/xml, text/*"].map(
    (accept) => ({
      says: `${accept} does not`,
      send: GET,
      headers: { accept },
      error: {
        code: 406,
        status: "INVALID_ARGUMENT",
        message: "the answer is application/json, which the request does not accept",
      },
    }),
  ),
]);
