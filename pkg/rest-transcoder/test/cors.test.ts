import { describe, expect, test } from "vitest";
import { wires } from "./http-client.ts";
import { startLibrary } from "./start-library.ts";

const ORIGIN = "https://app.example.com";
const server = { corsOrigins: [ORIGIN] };
const UPDATE = "/v1/shelves/1/books/2";

const listOf = (header: unknown) => String(header).split(", ");

describe.each(wires)("CORS, %s", (wire) => {
  test("a preflight of PATCH with If-Match is allowed", async () => {
    const { call, received } = await startLibrary({ server });
    const headers = {
      origin: ORIGIN,
      "access-control-request-method": "PATCH",
      "access-control-request-headers": "content-type,if-match",
    };

    const answer = await call(`OPTIONS ${UPDATE}`, { wire, headers });

    expect(answer.status).toBe(204);
    expect(answer.headers["access-control-allow-origin"]).toBe(ORIGIN);
    expect(listOf(answer.headers["access-control-allow-methods"])).toEqual(
      expect.arrayContaining(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    );
    expect(listOf(answer.headers["access-control-allow-headers"]).map((name) => name.toLowerCase())).toEqual(
      expect.arrayContaining(["content-type", "if-match", "if-none-match", "x-server-timeout", "authorization"]),
    );
    expect(received).toEqual([]);
  });

  test.each([
    ["an answer", `GET ${UPDATE}`, 200],
    ["an error", "GET /v1/shelves/404/books/2", 404],
    ["a refusal", `POST ${UPDATE}`, 405],
    ["a path that is nowhere", "GET /nowhere", 404],
  ])("%s may be read, with its ETag", async (_, line, status) => {
    const { call } = await startLibrary({ server });

    const answer = await call(line, { wire, headers: { origin: ORIGIN } });

    expect(answer.status).toBe(status);
    expect(answer.headers["access-control-allow-origin"]).toBe(ORIGIN);
    expect(listOf(answer.headers["access-control-expose-headers"])).toEqual(expect.arrayContaining(["etag", "allow"]));
  });

  test("another origin gets no CORS headers, nor does its preflight", async () => {
    const { call } = await startLibrary({ server });
    const headers = { origin: "https://evil.example.com", "access-control-request-method": "PATCH" };

    const answer = await call(`OPTIONS ${UPDATE}`, { wire, headers });

    expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
    expect(answer.headers).not.toHaveProperty("access-control-allow-methods");
  });
});
