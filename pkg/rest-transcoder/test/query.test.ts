import type { JsonObject } from "@bufbuild/protobuf";
import { badFields, badRequest, playTable } from "./conformance-table.ts";

const good = (query: string, request: JsonObject) => ({
  says: `${query} is ${JSON.stringify(request)}`,
  send: `GET /v1/books:search?${query}`,
  gets: ["SearchBooks", request] as const,
});
const bad = (query: string, field: string, message: RegExp) => ({
  says: `${query} is refused: ${message.source}`,
  send: `GET /v1/books:search?${query}`,
  ...badFields(message, field),
});

playTable("parameters", [
  good("", {}),
  good("title=", {}),
  good("title", {}),
  good("title=a=b", { title: "a=b" }),
  good("title=a%26b%3D%2B+c%20d", { title: "a&b=+ c d" }),
  good("title=%C3%A9", { title: "é" }),
  good("%74itle=a", { title: "a" }),
  good("&&title=a&", { title: "a" }),
  good("in_print=true", { inPrint: true }),
  good("inPrint=true", { inPrint: true }),
  good("page_size=-1", { pageSize: -1 }),
  good("min_copies=-9223372036854775808", { minCopies: "-9223372036854775808" }),
  good("max_copies=18446744073709551615", { maxCopies: "18446744073709551615" }),
  good("rating=-1.5e2", { rating: -150 }),
  good("rating=NaN", { rating: "NaN" }),
  good("weight=Infinity", { weight: "Infinity" }),
  good("cursor=-_8=", { cursor: "+/8=" }),
  good("cursor=%2B/8%3D", { cursor: "+/8=" }),
  good("cursor=-_8", { cursor: "+/8=" }),
  good("view=VIEW_FULL", { view: "VIEW_FULL" }),
  good("view=2", { view: "VIEW_FULL" }),
  good("view=7", { view: 7 }),
  good("views=VIEW_BASIC&tags=a&views=2", { views: ["VIEW_BASIC", "VIEW_FULL"], tags: ["a"] }),
  good("published_after=2026-01-02T03:04:05.5Z", { publishedAfter: "2026-01-02T03:04:05.500Z" }),
  good("loan_period=1.5s", { loanPeriod: "1.500s" }),
  good("read_mask=title,author.full_name", { readMask: "title,author.fullName" }),
  good("readMask=author.fullName", { readMask: "author.fullName" }),
  good("pages=0", { pages: 0 }),
  good("publisher=", { publisher: "" }),
  good("author.fullName=A", { author: { fullName: "A" } }),
  good("room=a", { room: "a" }),
  bad("nothing=1", "nothing", /unknown parameter/),
  bad("author.nothing=1", "author.nothing", /unknown parameter/),
  bad("title=a&title=b", "title", /only once/),
  bad("in_print=true&inPrint=true", "in_print", /only once/),
  bad("in_print=1", "in_print", /true or false/),
  bad("in_print", "in_print", /is empty/),
  bad("page_size=0x10", "page_size", /integer/),
  bad("page_size=1.0", "page_size", /integer/),
  bad("page_size=2147483648", "page_size", /integer/),
  bad("year=-1", "year", /integer/),
  bad("rating=one", "rating", /number/),
  bad("weight=1e39", "weight", /32-bit/),
  bad("cursor=a", "cursor", /base64/),
  bad("cursor=*", "cursor", /base64/),
  bad("view=VIEW_NONE", "view", /name or the number/),
  bad("published_after=2023-02-31T00:00:00Z", "published_after", /RFC 3339/),
  bad("published_after=2026-04-31T00:00:00%2B02:00", "published_after", /RFC 3339/),
  bad("published_after=2026-01-01T24:00:00Z", "published_after", /RFC 3339/),
  good("published_after=2024-02-29T23:59:59Z", { publishedAfter: "2024-02-29T23:59:59Z" }),
  bad("published_after=yesterday", "published_after", /RFC 3339/),
  bad("published_after.seconds=1", "published_after.seconds", /unknown parameter/),
  bad("loan_period=1", "loan_period", /seconds/),
  bad("read_mask=a,,b", "read_mask", /names of fields/),
  bad("author=A", "author", /whose fields are parameters/),
  bad("labels=a", "labels", /map/),
  bad("labels.a=b", "labels", /map/),
  bad("editors=a", "editors", /list of messages/),
  bad("shelf=a&room=b", "room", /together with shelf/),
  bad("title=%ff", "title", /percent-encoded UTF-8/),
  bad("title=%zz", "title", /percent-encoded UTF-8/),
  bad("__proto__=1", "__proto__", /unknown parameter/),
  bad("constructor.name=1", "constructor.name", /unknown parameter/),
]);

playTable("a query with several mistakes", [
  {
    says: "names all of them",
    send: "GET /v1/books:search?nothing=1&page_size=a&in_print=b",
    ...badFields(/nothing: .*; page_size: .*; in_print: /, "nothing", "page_size", "in_print"),
  },
  {
    says: "quotes no value",
    send: "GET /v1/books:search?page_size=secret",
    ...badFields(/^(?!.*secret)/, "page_size"),
  },
]);

const pairs = (count: number) => Array.from({ length: count }, () => "tags=a").join("&");

playTable("maxQueryPairs", [
  { says: "1,000 parameters are taken", send: `GET /v1/books:search?${pairs(1_000)}`, gets: searched(1_000) },
  {
    says: "more are not",
    send: `GET /v1/books:search?${pairs(1_001)}`,
    ...badRequest("the query has more than 1000 parameters"),
  },
]);
playTable(
  "maxQueryPairs: 2",
  [
    { says: "as many are taken", send: `GET /v1/books:search?${pairs(2)}`, gets: searched(2) },
    {
      says: "more are not",
      send: `GET /v1/books:search?${pairs(3)}`,
      ...badRequest("the query has more than 2 parameters"),
    },
  ],
  { rest: { maxQueryPairs: 2 } },
);

function searched(count: number) {
  return ["SearchBooks", { tags: Array.from({ length: count }, () => "a") }] as const;
}

playTable(
  "ignoreUnknownParameters",
  [
    {
      says: "lets unknown ones through",
      send: "GET /v1/messages/1?utm_source=a",
      gets: ["GetMessage", { messageId: "1" }],
    },
    {
      says: "but none that the path sets",
      send: "GET /v1/messages/1?message_id=2",
      ...badFields(/set by the path/, "message_id"),
    },
    {
      says: "nor one that the body sets",
      send: "PUT /v1/messages/1?text=2",
      body: {},
      ...badFields(/set by the body/, "text"),
    },
  ],
  { rest: { ignoreUnknownParameters: true } },
);
