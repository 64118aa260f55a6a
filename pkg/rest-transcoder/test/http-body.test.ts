import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { playTable } from "./conformance-table.ts";
import { wires } from "./http-client.ts";
import { jsonOf, startLibrary } from "./start-library.ts";

const PICTURE = Uint8Array.of(0, 1, 0xff);

playTable("requests with a google.api.HttpBody", [
  {
    says: "takes any bytes and content type as the whole request",
    send: "POST /v1/files",
    headers: { "content-type": "image/png; x=1" },
    body: PICTURE,
    gets: ["UploadFile", { contentType: "image/png; x=1", data: "AAH/" }],
    answers: { contentType: "image/png; x=1", sizeBytes: "3" },
  },
  {
    says: "takes JSON as bytes",
    send: "POST /v1/files",
    headers: { "content-type": "application/json" },
    body: "{}",
    gets: ["UploadFile", { contentType: "application/json", data: "e30=" }],
  },
  { says: "may be empty", send: "POST /v1/files", gets: ["UploadFile", {}] },
  {
    says: "may be a field, beside those in the path",
    send: "PUT /v1/shelves/1/books/2/cover",
    headers: { "content-type": "image/png" },
    body: PICTURE,
    gets: ["UploadCover", { name: "shelves/1/books/2", cover: { contentType: "image/png", data: "AAH/" } }],
    answers: { contentType: "image/png", sizeBytes: "3" },
  },
  {
    says: "as a field is not set by a request that has neither bytes nor a content type",
    send: "PUT /v1/shelves/1/books/2/cover",
    gets: ["UploadCover", { name: "shelves/1/books/2" }],
  },
  {
    says: "is decompressed",
    send: "POST /v1/files",
    headers: { "content-type": "text/csv", "content-encoding": "gzip" },
    body: gzipSync("a,b"),
    gets: ["UploadFile", { contentType: "text/csv", data: "YSxi" }],
  },
]);

test.each(wires)("a file of 3 MiB arrives whole, %s", async (wire) => {
  const { call } = await startLibrary();
  const body = Buffer.alloc(3 * 1024 * 1024, 7);

  const answer = await call("POST /v1/files", { headers: { "content-type": "x/y" }, body, wire });

  expect(jsonOf(answer)).toEqual({ contentType: "x/y", sizeBytes: String(body.length) });
});
