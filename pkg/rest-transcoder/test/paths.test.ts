import { badRequest, notFound, playTable } from "./conformance-table.ts";

const wrongMethod = (allow: string) => ({
  error: { code: 405, status: "UNIMPLEMENTED", message: `this path allows ${allow}` },
  answerHeaders: { allow },
});

playTable("paths", [
  {
    says: "a literal is taken before *",
    send: "GET /v1/shelves/1/books/featured",
    gets: ["GetFeaturedBook", { shelf: "1" }],
  },
  {
    says: "a literal may be percent-encoded",
    send: "GET /v1/shelves/1/books/%66eatured",
    gets: ["GetFeaturedBook", { shelf: "1" }],
  },
  {
    says: "and is left again for a method that it does not have",
    send: "DELETE /v1/shelves/1/books/featured",
    gets: ["DeleteBook", { name: "shelves/1/books/featured" }],
  },
  { says: "a slash at the end is another path", send: "GET /v1/messages/1/", ...notFound },
  { says: "an empty segment is no id", send: "GET /v1/messages/", ...notFound },
  { says: "empty segments are not dropped", send: "GET /v1//messages/1", ...notFound },
  { says: "dot segments are not resolved", send: "GET /v1/x/../messages/1", ...notFound },
  {
    says: "dot segments are data",
    send: "GET /v1/messages/..",
    gets: ["GetMessage", { messageId: ".." }],
  },
  {
    says: "so are encoded ones, decoded",
    send: "GET /v1/messages/%2e%2E",
    gets: ["GetMessage", { messageId: ".." }],
  },
  {
    says: "empty and dot segments within ** are data",
    send: "GET /v1/catalog/a//../b/",
    gets: ["BrowseCatalog", { path: "a//../b/" }],
  },
  {
    says: "nothing is decoded twice",
    send: "GET /v1/messages/%2525",
    gets: ["GetMessage", { messageId: "%25" }],
  },
  {
    says: "+ is no space",
    send: "GET /v1/messages/a+b",
    gets: ["GetMessage", { messageId: "a+b" }],
  },
  {
    says: "an encoded slash is no slash",
    send: "GET /v1/shelves%2F1/books/2",
    ...notFound,
  },
  {
    says: "an encoded ? does not begin the query",
    send: "GET /v1/messages/a%3Frevision=2",
    gets: ["GetMessage", { messageId: "a?revision=2" }],
  },
  {
    says: "a percent sign alone",
    send: "GET /v1/messages/1%",
    ...badRequest("the path has a percent sign that no two hexadecimal digits follow"),
  },
  {
    says: "no hexadecimal digits",
    send: "GET /v1/messages/%zz",
    ...badRequest("the path has a percent sign that no two hexadecimal digits follow"),
  },
  { says: "no UTF-8", send: "GET /v1/messages/%ff", ...badRequest("the path's percent-encoded text is not UTF-8") },
  {
    says: "UTF-8 that is too long",
    send: "GET /v1/messages/%C0%AF",
    ...badRequest("the path's percent-encoded text is not UTF-8"),
  },
  {
    says: "half a surrogate pair",
    send: "GET /v1/messages/%ED%A0%80",
    ...badRequest("the path's percent-encoded text is not UTF-8"),
  },
  { says: "a bad escape in a path that is nowhere is nowhere", send: "GET /nowhere/%zz", ...notFound },
  {
    says: "NUL is data",
    send: "GET /v1/messages/%00",
    gets: ["GetMessage", { messageId: "\0" }],
  },
  { says: "the root without a rule", send: "GET /", ...notFound },
  { says: "literals are case-sensitive", send: "GET /V1/messages/1", ...notFound },
]);

playTable("verbs", [
  {
    says: "one that is known for the path",
    send: "GET /v1/shelves/1/books:count",
    gets: ["CountBooks", { parent: "shelves/1" }],
  },
  {
    says: "one that is not belongs to the segment",
    send: "GET /v1/messages/a:b",
    gets: ["GetMessage", { messageId: "a:b" }],
  },
  {
    says: "an encoded colon begins none",
    send: "GET /v1/shelves/1/books/2%3Aarchive",
    gets: ["GetBook", { name: "shelves/1/books/2:archive" }],
  },
  {
    says: "the last colon begins it",
    send: "POST /v1/shelves/1/books/a:b:archive",
    body: {},
    gets: ["ArchiveBook", { name: "shelves/1/books/a:b" }],
  },
  {
    says: "with another method is never data",
    send: "GET /v1/shelves/1/books/2:archive",
    ...wrongMethod("POST, OPTIONS"),
  },
]);

playTable("HTTP methods", [
  {
    says: "one that the path does not have",
    send: "POST /v1/shelves/1/books/2",
    ...wrongMethod("CHECKOUT, DELETE, GET, HEAD, PATCH, PUT, OPTIONS"),
  },
  {
    says: "one that nobody has",
    send: "PURGE /v1/messages/1",
    ...wrongMethod("GET, HEAD, PATCH, PUT, OPTIONS"),
  },
  {
    says: "OPTIONS tells those that there are",
    send: "OPTIONS /v1/shelves/1/books",
    status: 204,
    answerHeaders: { allow: "GET, HEAD, POST, OPTIONS", "content-type": null },
  },
  { says: "OPTIONS of no path", send: "OPTIONS /v1/nowhere", ...notFound },
  {
    says: "HEAD is GET without the body",
    send: "HEAD /v1/messages/1",
    gets: ["GetMessage", { messageId: "1" }],
    answerHeaders: { "content-type": "application/json", "content-length": "30" },
  },
  {
    says: "HEAD of a path that has only POST",
    send: "HEAD /v1/shelves/1/books/2:archive",
    status: 405,
    answerHeaders: { allow: "POST, OPTIONS" },
  },
]);
