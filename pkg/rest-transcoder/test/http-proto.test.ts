import { badFields, badRequest, notFound, playTable } from "./conformance-table.ts";

// What google/api/http.proto's comments say, sentence by sentence, that a client can see. What they say of rules that are
// wrong is in rules.test.ts, of names and values in the path in paths.test.ts.

const EMMA = { name: "shelves/1/books/2" };

playTable("http.proto, examples", [
  {
    says: "GET /v1/messages/123456 is GetMessage(message_id: 123456)",
    send: "GET /v1/messages/123456",
    gets: ["GetMessage", { messageId: "123456" }],
    answers: { messageId: "123456", text: "Hi!" },
  },
  {
    says: "fields that are not bound by the path become query parameters if there is no body",
    send: "GET /v1/messages/123456?revision=2&sub.subfield=foo",
    gets: ["GetMessage", { messageId: "123456", revision: "2", sub: { subfield: "foo" } }],
  },
  {
    says: "a repeated parameter is a repeated field",
    send: "GET /v1/books:search?tags=A&tags=B",
    gets: ["SearchBooks", { tags: ["A", "B"] }],
  },
  {
    says: "each field of a message is a parameter",
    send: "GET /v1/books:search?author.full_name=A&author.home_page=B",
    gets: ["SearchBooks", { author: { fullName: "A", homePage: "B" } }],
  },
  {
    says: "body: the field that the body sets",
    send: "PATCH /v1/messages/123456",
    body: { text: "Hi!" },
    gets: ["UpdateMessage", { messageId: "123456", message: { text: "Hi!" } }],
  },
  {
    says: "body *: every field that the path does not bind is in the body",
    send: "PUT /v1/messages/123456",
    body: { text: "Hi!" },
    gets: ["ReplaceMessage", { messageId: "123456", text: "Hi!" }],
  },
  {
    says: "body *: it is not possible to have parameters",
    send: "PUT /v1/messages/123456?text=Hi",
    body: {},
    ...badFields("text: is set by the body, not by a parameter", "text"),
  },
  {
    says: "additional_bindings: the first way",
    send: "GET /v1/messages/123456",
    gets: ["GetMessage", { messageId: "123456" }],
  },
  {
    says: "additional_bindings: the second way",
    send: "GET /v1/users/me/messages/123456",
    gets: ["GetMessage", { userId: "me", messageId: "123456" }],
  },
]);

playTable("http.proto, rules for HTTP mapping", [
  {
    says: "1: path, body and query set what is theirs",
    send: "POST /v1/shelves/1/books?book_id=2&validate_only=true",
    body: { title: "Emma" },
    gets: ["CreateBook", { parent: "shelves/1", bookId: "2", validateOnly: true, book: { title: "Emma" } }],
  },
  {
    says: "1: a parameter cannot set what the path sets",
    send: "GET /v1/messages/1?message_id=2",
    ...badFields("message_id: is set by the path, not by a parameter", "message_id"),
  },
  {
    says: "1: a parameter cannot set what the body sets",
    send: "POST /v1/shelves/1/books?book.title=Emma",
    body: { title: "Persuasion" },
    ...badFields("book.title: is set by the body, not by a parameter", "book.title"),
  },
  {
    says: "1: a parameter is the field path in the request message",
    send: "GET /v1/messages/1?subfield=foo",
    ...badFields("subfield: unknown parameter", "subfield"),
  },
  {
    says: "2: with body * there is no parameter that is none of the fields either",
    send: "PUT /v1/messages/1?other=2",
    body: {},
    ...badFields("other: unknown parameter", "other"),
  },
  {
    says: "2: the path may say again what the body says",
    send: "PUT /v1/messages/1",
    body: { messageId: "1", text: "Hi!" },
    gets: ["ReplaceMessage", { messageId: "1", text: "Hi!" }],
  },
  {
    says: "2: nothing overrides the path",
    send: "PUT /v1/messages/1",
    body: { messageId: "2" },
    ...badFields("message_id: has another value in the body than in the path", "message_id"),
  },
  {
    says: "3: without body there is no HTTP request body",
    send: "GET /v1/messages/1",
    body: { text: "Hi!" },
    ...badRequest("this method takes no body"),
  },
  {
    says: "3: nor for DELETE",
    send: "DELETE /v1/shelves/1/books/2",
    body: {},
    ...badRequest("this method takes no body"),
  },
]);

playTable("http.proto, path template syntax", [
  {
    says: "* matches a single segment",
    send: "GET /v1/shelves/1/books/2",
    gets: ["GetBook", EMMA],
  },
  { says: "* does not match two", send: "GET /v1/shelves/1/2/books/2", ...notFound },
  { says: "* does not match none", send: "GET /v1/shelves/books/2", ...notFound },
  {
    says: "** matches zero segments",
    send: "GET /v1/catalog",
    gets: ["BrowseCatalog", {}],
  },
  {
    says: "** matches one",
    send: "GET /v1/catalog/a",
    gets: ["BrowseCatalog", { path: "a" }],
  },
  {
    says: "** matches several",
    send: "GET /v1/catalog/a/b/c",
    gets: ["BrowseCatalog", { path: "a/b/c" }],
  },
  {
    says: "{var} is {var=*}",
    send: "GET /v1/isbn/2",
    gets: ["GetBook", { isbn: "2" }],
  },
  { says: "{var} takes no slash", send: "GET /v1/isbn/2/3", ...notFound },
  {
    says: "a verb follows the last segment",
    send: "POST /v1/shelves/1/books/2:archive",
    body: { reason: "worn" },
    gets: ["ArchiveBook", { ...EMMA, reason: "worn" }],
  },
  {
    says: "a variable with several segments takes its literals too",
    send: "GET /v1/files/a",
    gets: ["GetFile", { name: "files/a" }],
  },
  {
    says: "no variable captures the leading slash",
    send: "GET /v1/files",
    gets: ["GetFile", { name: "files" }],
  },
  {
    says: "a single-segment variable is decoded fully, slashes too",
    send: "GET /v1/isbn/a%2Fb%20%C3%A9%25",
    gets: ["GetBook", { isbn: "a/b é%" }],
  },
  {
    says: "a variable of several segments is decoded but for %2F and %2f",
    send: "GET /v1/files/a%2Fb%2fc%20%C3%A9%3F%23",
    gets: ["GetFile", { name: "files/a%2Fb%2fc é?#" }],
  },
]);

playTable("http.proto, special notes", [
  {
    says: "repeated message fields are not mapped to parameters",
    send: "GET /v1/books:search?editors.full_name=A",
    ...badFields("editors: is a list of messages, which parameters cannot set", "editors"),
  },
  {
    says: "an array may be the body, mapped to a repeated field",
    send: "POST /v1/shelves/1/books/2/tags",
    body: ["a", "b"],
    gets: ["TagBook", { ...EMMA, tags: ["a", "b"] }],
  },
  {
    says: "an array may be the answer, mapped to a repeated field",
    send: "GET /v1/shelves/1/titles",
    gets: ["ListTitles", { parent: "shelves/1" }],
    answers: ["Emma", "Persuasion"],
  },
  {
    says: "custom: an HTTP method of one's own",
    send: "CHECKOUT /v1/shelves/1/books/2",
    gets: ["CheckoutBook", EMMA],
  },
  ...["GET", "POST", "PATCH", "DELETE"].map((method) => ({
    says: `custom *: the HTTP method is not specified: ${method}`,
    send: `${method} /v1/catalog/a`,
    gets: ["BrowseCatalog", { path: "a" }] as const,
  })),
  {
    says: "without response_body the entire message is the body",
    send: "GET /v1/messages/1",
    gets: ["GetMessage", { messageId: "1" }],
    answers: { messageId: "1", text: "Hi!" },
  },
  {
    says: "response_body: the field whose value is the body",
    send: "GET /v1/shelves/1/books/2/author",
    gets: ["GetAuthor", EMMA],
    answers: { fullName: "Jane Austen", homePage: "" },
  },
]);
