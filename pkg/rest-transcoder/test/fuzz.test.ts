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

const PARAMETERS = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 20261121 };

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

const path = fc.oneof(
  fc.array(fc.constantFrom(...SEGMENTS), { maxLength: 7 }).map((segments) => `/${segments.join("/")}`),
  fc.constantFrom(
    "/v1/shelves/1/books",
    "/v1/shelves/1/books/2",
    "/v1/shelves/1/books/2/cover",
    "/v1/messages/1",
    "/v1/books:search",
    "/v1/files",
  ),
);
const pair = fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom("=", ""), fc.constantFrom(...VALUES));
const query = fc
  .array(
    pair.map((parts) => parts.join("")),
    { maxLength: 4 },
  )
  .map((pairs) => pairs.join("&"));
const target = fc.tuple(path, query).map(([before, after]) => (after === "" ? before : `${before}?${after}`));

const headers = fc.record(
  {
    "content-type": fc.constantFrom(
      "application/json",
      "application/json; charset=utf-16",
      "text/plain",
      ";",
      "a/b; c",
    ),
    "content-encoding": fc.constantFrom("gzip", "br", "identity", "snappy", ","),
    accept: fc.constantFrom("*/*", "application/json;q=0", ",,", "text/html", 'a/b;c="'),
    "accept-encoding": fc.constantFrom("gzip", "br;q=0, *", "identity;q=0", ";"),
    "if-match": fc.constantFrom("*", '"v%201"', 'W/"a"', '"', '"a","b"', '"%zz"'),
    "if-none-match": fc.constantFrom("*", '"v%201"', 'W/"a"', '"', ","),
    "grpc-timeout": fc.constantFrom("1S", "0n", "a", "99999999H"),
    "x-server-timeout": fc.constantFrom("1", "0.000000001", "a", "9999999999"),
    origin: fc.constantFrom("https://app.example.com", "null"),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Record<string, string>>;

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

const request: fc.Arbitrary<HttpRequest> = fc.record({ method: fc.constantFrom(...METHODS), target, headers, body });

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
  if (status < 400 || method === "HEAD") return;
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

  await fc.assert(
    fc.asyncProperty(request, async (sent) => expectWellFormed(await send(port, sent, wire), sent)),
    PARAMETERS,
  );

  expect(errors).toEqual([]);
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

test("targets of any bytes get an answer of HTTP, or the connection ends", async () => {
  const { port, errors } = await startLibrary();

  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...METHODS), rawTarget, async (method, bytes) => {
      const head = `${method} /v1/messages/${bytes} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`;
      const answer = await exchangeBytes(port, Buffer.from(head, "latin1"));

      expect(answer).toMatch(/^(HTTP\/1\.1 [2-5]\d\d |$)/);
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
