import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { LibraryService } from "./gen/library/v1/library_pb.ts";
import { jsonOf, startLibrary } from "./start-library.ts";

test.each([
  ["gRPC", (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ["gRPC-Web", (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
  ["Connect", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
])("%s is served by the same server", async (_, createTransport) => {
  const { port, received } = await startLibrary();
  const client = createClient(LibraryService, createTransport(`http://127.0.0.1:${port}`));

  const book = await client.getBook({ name: "shelves/1/books/2" });
  const watched = [];
  for await (const each of client.watchBooks({ parent: "shelves/1" })) watched.push(each.name);

  expect(book.title).toBe("Emma");
  expect(watched).toEqual(["shelves/1/books/1"]);
  expect(received.map(({ rpc }) => rpc)).toEqual(["GetBook"]);
});

test("RPC paths are Connect's, also for RPCs without a rule", async () => {
  const { call } = await startLibrary();
  const path = "/library.v1.LibraryService";
  const headers = { "content-type": "application/json" };

  const answer = await call(`POST ${path}/AuditBooks`, { headers, body: {} });
  const error = await call(`POST ${path}/GetBook`, { headers, body: { name: "shelves/404/books/1" } });

  expect(jsonOf(answer)).toEqual({});
  expect(jsonOf(error)).toEqual({ code: "not_found", message: "there is no such book" });
});

test("observers hear which protocol it was, and of refusals with their method where it is known", async () => {
  const heard: string[] = [];
  const end = ({ protocol, service, method }: { protocol: string; service: string; method: string }) =>
    void heard.push(`${protocol} ${service}/${method}`);
  const { call } = await startLibrary({ server: { observers: [{ end }] } });

  await call("GET /v1/messages/1");
  await call("GET /v1/shelves/1/books:watch");
  await call("POST /v1/shelves/1/books:count");
  await call("GET /v1/nowhere");

  expect(heard).toEqual([
    "rest library.v1.MessagingService/GetMessage",
    "rest library.v1.LibraryService/WatchBooks",
    "rest unknown/unknown",
    "http unknown/unknown",
  ]);
});

test("a fallback gets what neither RPCs nor rules take", async () => {
  const { call } = await startLibrary({
    server: { fallback: (_request, response) => void response.end("a page") },
  });

  expect((await call("GET /")).body.toString()).toBe("a page");
  expect((await call("GET /v1/messages/%zz")).status).toBe(400);
});
