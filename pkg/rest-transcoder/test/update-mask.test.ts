import { badFields, playTable, type Row } from "./conformance-table.ts";

const EMMA = { title: "Emma" };
const UPDATE = "PATCH /v1/shelves/1/books/2";
const updated = (book: Record<string, unknown>, updateMask?: string): Pick<Row, "gets"> => ({
  gets: [
    "UpdateBook",
    { book: { name: "shelves/1/books/2", ...(book as object) }, ...(updateMask !== undefined && { updateMask }) },
  ],
});

playTable("update_mask of a PATCH", [
  { says: "has what the body has", send: UPDATE, body: EMMA, ...updated(EMMA, "title") },
  {
    says: "has default values and null, which clear",
    send: UPDATE,
    body: { title: "", copies: 0, author: null, tags: [] },
    ...updated({}, "title,copies,author,tags"),
  },
  {
    says: "goes down to fields that are no messages",
    send: UPDATE,
    body: { author: { full_name: "Jane" } },
    ...updated({ author: { fullName: "Jane" } }, "author.fullName"),
  },
  {
    says: "has maps, lists and times as a whole",
    send: UPDATE,
    body: { labels: { a: "b" }, tags: ["x"] },
    ...updated({ labels: { a: "b" }, tags: ["x"] }, "labels,tags"),
  },
  {
    says: "leaves out what the path sets, the etag, and what is output only, which is not in the message either",
    send: UPDATE,
    body: { name: "shelves/1/books/2", title: "Emma", createTime: "2026-01-02T03:04:05Z", etag: "v 1" },
    ...updated({ title: "Emma", etag: "v 1" }, "title"),
  },
  { says: "is unset when nothing is left", send: UPDATE, body: {}, ...updated({}) },
  ...[
    { createTime: "2026-01-02T03:04:05Z" },
    { sequel: { createTime: "2026-01-02T03:04:05Z" } },
    { sequel: { sequel: { create_time: "2026-01-02T03:04:05Z" } } },
  ].map((body) => ({
    says: `is unset, and nothing populated, when all is output only: ${JSON.stringify(body)}`,
    send: UPDATE,
    body,
    ...updated({}),
  })),
  {
    says: "has a nested message without what is output only in it",
    send: UPDATE,
    body: { sequel: { createTime: "2026-01-02T03:04:05Z", title: "Emma 2", sequel: {} } },
    ...updated({ sequel: { title: "Emma 2", sequel: {} } }, "sequel.title,sequel.sequel"),
  },
  {
    says: "is the client's, and the book as it was sent",
    send: `${UPDATE}?update_mask=sequel`,
    body: { sequel: { createTime: "2026-01-02T03:04:05Z" } },
    ...updated({ sequel: { createTime: "2026-01-02T03:04:05Z" } }, "sequel"),
  },
  {
    says: "is the client's when it has sent one",
    send: `${UPDATE}?update_mask=copies,author.full_name`,
    body: EMMA,
    ...updated(EMMA, "copies,author.fullName"),
  },
  {
    says: "may be the client's and empty",
    send: `${UPDATE}?updateMask=`,
    body: EMMA,
    ...updated(EMMA, ""),
  },
  {
    says: "is not derived for PUT",
    send: "PUT /v1/shelves/1/books/2",
    body: EMMA,
    gets: ["ReplaceBook", { book: { name: "shelves/1/books/2", title: "Emma" } }],
  },
  {
    says: "another name in the body than in the path",
    send: UPDATE,
    body: { name: "shelves/1/books/3" },
    ...badFields("book.name: has another value in the body than in the path", "book.name"),
  },
]);

playTable(
  "update_mask with ignoreUnknownFields",
  [
    {
      says: "touches no message of which nothing is known",
      send: UPDATE,
      body: { author: { nope: 1 }, sequel: { author: { nope: 1 } } },
      ...updated({}),
    },
    {
      says: "touches no enum whose name is not known",
      send: UPDATE,
      body: { view: "VIEW_NEW", title: "Emma", sequel: { view: "VIEW_NEW" } },
      ...updated({ title: "Emma" }, "title"),
    },
    {
      says: "has an enum whose name is known, by its number too",
      send: UPDATE,
      body: { view: "VIEW_FULL", sequel: { view: 2 } },
      ...updated({ view: "VIEW_FULL", sequel: { view: "VIEW_FULL" } }, "view,sequel.view"),
    },
  ],
  { rest: { ignoreUnknownFields: true } },
);

playTable(
  "update_mask with etagField: false",
  [
    {
      says: "has a field of that name like others",
      send: UPDATE,
      body: { title: "Emma", etag: "v 1" },
      ...updated({ title: "Emma", etag: "v 1" }, "title,etag"),
    },
  ],
  { rest: { etagField: false } },
);
