import { ConnectError } from "@connectrpc/connect";
import { createRpcServer } from "@grpc-service-template/rpc-server";
import { describe, expect, test } from "vitest";
import { createRestTranscoder } from "../src/index.ts";
import { LibraryService } from "./gen/library/v1/library_pb.ts";
import { wires } from "./http-client.ts";
import { libraryService } from "./library-service.ts";
import { jsonOf, startLibrary } from "./start-library.ts";

// REST is one more protocol of a server: what holds for all of its calls holds for these.

const BOOK = "/v1/shelves/1/books/2";

/** How many messages stand within each other in `body`. */
const nested = (depth: number): object => (depth === 0 ? {} : { sequel: nested(depth - 1) });

describe.each(wires)("over %s", (wire) => {
  test("the server's limits hold, unless REST has its own", async () => {
    const server = { writeMaxBytes: 10, maxDepth: 3 };
    const strict = await startLibrary({ server });
    const own = await startLibrary({ server, rest: { writeMaxBytes: 10_000, maxDepth: 10 } });
    expect((await strict.call(`GET ${BOOK}`, { wire })).status).toBe(429);
    expect((await own.call(`GET ${BOOK}`, { wire })).status).toBe(200);
    const patch = { wire, headers: { "content-type": "application/json" }, body: nested(5) as never };
    expect((await strict.call(`PATCH ${BOOK}`, patch)).status).toBe(400);
    expect((await own.call(`PATCH ${BOOK}`, patch)).status).toBe(200);
  });

  test.each([
    ["a call that fails", `GET ${BOOK}?nope=1`, 400],
    ["a path that is nowhere", "GET /nowhere", 404],
    ["another method", `POST ${BOOK}`, 405],
    ["a stream", "GET /v1/shelves/1/books:watch", 501],
  ])("of the metadata of errors clients get what is exposed: %s", async (_, line, status) => {
    const mapError = (error: ConnectError) =>
      new ConnectError(error.rawMessage, error.code, { "x-ok": "1", "x-secret": "2" });
    const { call } = await startLibrary({ server: { mapError }, rest: { exposeHeaders: ["x-ok"] } });
    const answer = await call(line, { wire });
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({ "x-ok": "1" });
    expect(answer.headers).not.toHaveProperty("x-secret");
  });

  test.each(["application/grpc", "application/grpc-web+proto"])(
    "%s is no content type of a path of REST",
    async (type) => {
      const { call } = await startLibrary();
      const headers = { "content-type": type };
      const answer = await call("POST /v1/shelves/1/books", { wire, headers, body: "{}" });
      expect(answer.status).toBe(415);
      expect(jsonOf(answer)).toMatchObject({ error: { code: 415 } });
      expect((await call(`GET ${BOOK}`, { wire, headers })).status).toBe(200);
      // Elsewhere it still is gRPC's to answer.
      expect((await call("POST /no.Such/Method", { wire, headers, body: "" })).headers).toMatchObject({
        "grpc-status": "12",
      });
    },
  );

  test("an etag that no header can carry is left out, and the connection goes on", async () => {
    const { call } = await startLibrary({ handlers: { getBook: ({ name }) => ({ name, etag: "e".repeat(70_000) }) } });
    const answer = await call(`GET ${BOOK}`, { wire });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty("etag");
  });

  test("a preflight allows the methods of custom rules", async () => {
    const origin = "https://app.example.com";
    const { call } = await startLibrary({ server: { corsOrigins: [origin] } });
    const headers = { origin, "access-control-request-method": "CHECKOUT" };
    const answer = await call(`OPTIONS ${BOOK}`, { wire, headers });
    expect(String(answer.headers["access-control-allow-methods"]).split(", ")).toContain("CHECKOUT");
  });
});

test("a rule at the path of an RPC, which goes first, is refused at start", () => {
  const serviceConfig = {
    http: {
      rules: [
        { selector: "library.v1.LibraryService.AuditBooks", post: "/library.v1.LibraryService/GetBook", body: "*" },
      ],
    },
  };
  const start = () =>
    createRpcServer({
      routes: (router) => router.service(LibraryService, libraryService),
      protocols: [createRestTranscoder({ serviceConfig })],
    });
  expect(start).toThrow("AuditBooks: POST /library.v1.LibraryService/GetBook: the path is that of an RPC");
});
