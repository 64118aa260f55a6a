import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { toBinary, toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { arbitraryMessage } from "../../rpc-server/test/arbitrary-message.ts";
import { BookSchema } from "./gen/library/v1/library_pb.ts";
import { type HttpAnswer, type HttpRequest, send, type Wire, wires } from "./http-client.ts";
import { jsonOf, startLibrary } from "./start-library.ts";

const PARAMETERS = { numRuns: Number(process.env.FUZZ_RUNS ?? 60), seed: 20261121 };

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CHECKOUT", "PURGE"];
/** Parts of paths that rules have, and what breaks them. */
const SEGMENTS = [
  ...[
    "v1",
    "shelves",
    "1",
    "books",
    "2",
    "featured",
    "messages",
    "users",
    "isbn",
    "files",
    "catalog",
    "author",
    "cover",
  ],
  ...[
    "",
    ".",
    "..",
    "%2e%2e",
    "%2F",
    "%2f",
    "%zz",
    "%",
    "%ff",
    "%00",
    "%C3%A9",
    "books:count",
    "books:watch",
    "a:b",
    ":",
    "*",
    "**",
    "{x}",
    "~",
  ],
];
const NAMES = [
  ...["title", "tags", "page_size", "view", "author.full_name", "update_mask", "published_after", "etag", "book.title"],
  ...["nothing", "__proto__", "constructor.name", "a.b.c", "", "%zz", "%ff"],
];
const VALUES = [
  "",
  "a",
  "-1",
  "1e999",
  "VIEW_FULL",
  "2026-01-02T03:04:05Z",
  "9".repeat(50),
  "%zz",
  "%ff",
  "+",
  "a,b",
  "a=b",
];

const path = fc.array(fc.constantFrom(...SEGMENTS), { maxLength: 7 }).map((segments) => `/${segments.join("/")}`);
const pair = fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom("=", ""), fc.constantFrom(...VALUES));
const query = fc
  .array(
    pair.map((parts) => parts.join("")),
    { maxLength: 4 },
  )
  .map((pairs) => pairs.join("&"));
const target = fc.tuple(path, query).map(([before, after]) => (after === "" ? before : `${before}?${after}`));

/** At most three at a time: with one of each, nothing would get as far as a handler. */
const HEADERS: readonly (readonly [name: string, value: string])[] = [
  ...["application/json", "application/json; charset=utf-16", "text/plain", ";"].map(
    (it) => ["content-type", it] as const,
  ),
  ...["gzip", "br", "identity", "snappy", ","].map((it) => ["content-encoding", it] as const),
  ...["*/*", "application/json;q=0", ",,", "text/html", 'a/b;c="'].map((it) => ["accept", it] as const),
  ...["gzip", "br;q=0, *", "identity;q=0", ";"].map((it) => ["accept-encoding", it] as const),
  ...["*", '"v%201"', 'W/"a"', '"', '"a","b"', '"%zz"'].map((it) => ["if-match", it] as const),
  ...["*", '"v%201"', 'W/"a"', '"', ","].map((it) => ["if-none-match", it] as const),
  ...["1S", "0n", "a", "99999999H"].map((it) => ["grpc-timeout", it] as const),
  ...["1", "0.000000001", "a", "9999999999"].map((it) => ["x-server-timeout", it] as const),
  ...["https://app.example.com", "null"].map((it) => ["origin", it] as const),
];
const headers = fc.array(fc.constantFrom(...HEADERS), { maxLength: 3 }).map((lines) => Object.fromEntries(lines));

const body = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map(Buffer.from),
    arbitraryMessage(BookSchema, { depth: 1 }).map((book) => Buffer.from(toJsonString(BookSchema, book as never))),
    arbitraryMessage(BookSchema, { depth: 1 }).map((book) => toBinary(BookSchema, book as never)),
    fc
      .constantFrom('{"title":', "[".repeat(300), '{"__proto__":{}}', '{"title":"a","title":"b"}', '"\ud800"')
      .map((it) => Buffer.from(it)),
  ),
  { nil: undefined },
);

/** What rules have, so that much of it is a call. */
const CALLS = [
  ...["GET", "HEAD", "PUT", "PATCH", "DELETE", "CHECKOUT"].map((method) => [method, "/v1/shelves/1/books/2"] as const),
  ...["GET", "POST"].map((method) => [method, "/v1/shelves/1/books"] as const),
  ...["GET", "PUT"].map((method) => [method, "/v1/shelves/1/books/2/cover"] as const),
  ["POST", "/v1/shelves/1/books/2:archive"],
  ["POST", "/v1/shelves/1/books/2/tags"],
  ["POST", "/v1/files"],
  ["GET", "/v1/books:search"],
  ["GET", "/v1/shelves/1/books:watch"],
  ["OPTIONS", "/v1/catalog/a/b"],
  ["PUT", "/v1/messages/1"],
] as const;

const anyRequest = fc.record({ method: fc.constantFrom(...METHODS), target, headers, body });
const aCall: fc.Arbitrary<HttpRequest> = fc
  .record({
    call: fc.constantFrom(...CALLS),
    otherMethod: fc.option(fc.constantFrom(...METHODS), { freq: 2, nil: undefined }),
    after: fc.oneof(fc.constant(""), query),
    headers,
    body: fc.oneof(fc.constant(undefined), body),
  })
  .map(({ call: [method, before], otherMethod = method, after, ...rest }) => ({
    ...rest,
    method: otherMethod,
    target: after === "" ? before : `${before}?${after}`,
  }));
const request: fc.Arbitrary<HttpRequest> = fc.oneof(anyRequest, { weight: 2, arbitrary: aCall });

/** Node's client waits for nothing when the server is not there any more. */
async function isServing(port: number): Promise<boolean> {
  const answer = await send(port, { method: "GET", target: "/v1/messages/1" });
  return answer.status === 200;
}

function expectWellFormed(answer: HttpAnswer, { method }: HttpRequest): void {
  const { status, headers: answered } = answer;
  expect(status).toBeGreaterThanOrEqual(200);
  // What the handlers of the library throw, and what the server does, has a code of its own.
  expect(status).not.toBe(500);
  if (status === 405) expect(answered.allow).toMatch(/^[A-Z]+(, [A-Z]+)*$/);
  // Source: RFC 9110, 9.3.2, 15.3.5 and 15.4.5.
  if (method === "HEAD" || status === 204 || status === 304) {
    expect(answer.rawBytes).toBe(0);
    return;
  }
  expect(answered["content-type"]).toMatch(/^[\w-]+\/[\w-]+/);
  expect(Number(answered["content-length"] ?? answer.rawBytes)).toBe(answer.rawBytes);
  if (answered["content-type"] === "application/json") expect(() => jsonOf(answer)).not.toThrow();
  if (status < 400) return;
  expect(answered["content-type"]).toBe("application/json");
  expect(jsonOf(answer)).toMatchObject({
    error: {
      code: status,
      status: expect.stringMatching(/^[A-Z_]+$/),
      message: expect.stringMatching(/./),
      details: expect.any(Array),
    },
  });
}

test.each(wires)("any request is answered, errors in JSON, and disturbs nobody, %s", async (wire: Wire) => {
  const { port, errors } = await startLibrary({ server: { corsOrigins: ["https://app.example.com"] } });
  const statuses = new Set<number>();

  await fc.assert(
    fc.asyncProperty(request, async (sent) => {
      const answer = await send(port, sent, wire);
      expectWellFormed(answer, sent);
      statuses.add(answer.status);
    }),
    PARAMETERS,
  );

  expect(errors).toEqual([]);
  // Or it has not got far.
  expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 404, 405, 406, 415, 501]));
  expect(await isServing(port)).toBe(true);
});

/** Sends bytes, and resolves with all that comes until the server closes the connection. */
async function exchangeBytes(port: number, bytes: Uint8Array): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.end(bytes);
  return text(socket.setEncoding("latin1")).catch(() => "");
}

const rawTarget = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1"));

test("targets of any bytes get an answer, unless the line is none of HTTP", async () => {
  const { port, errors } = await startLibrary();

  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...METHODS), rawTarget, async (method, bytes) => {
      const head = `${method} /v1/messages/${bytes} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`;
      const answer = await exchangeBytes(port, Buffer.from(head, "latin1"));

      // What ends before it names a version is cut off, or told so.
      const isHttp = head.split("\n", 1)[0]?.endsWith(" HTTP/1.1\r");
      expect(answer).toMatch(isHttp ? /^HTTP\/1\.1 [2-5]\d\d / : /^(HTTP\/1\.1 [45]\d\d |$)/);
    }),
    PARAMETERS,
  );

  expect(errors).toEqual([]);
  expect(await isServing(port)).toBe(true);
});

test("books of any content come back as they were sent", async () => {
  const { port, received } = await startLibrary();
  const books = arbitraryMessage(BookSchema, { depth: 2 });

  await fc.assert(
    fc.asyncProperty(books, async (book) => {
      const json = toJsonString(BookSchema, book as never);
      const answer = await send(port, { method: "POST", target: "/v1/shelves/1/books", body: Buffer.from(json) });

      expect(answer.status, answer.body.toString()).toBe(200);
      expect(received.pop()?.message).toEqual({ parent: "shelves/1", book: JSON.parse(json) });
    }),
    PARAMETERS,
  );
});
