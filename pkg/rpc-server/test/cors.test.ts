import { describe, expect, test } from "vitest";
import { openSession, request } from "./raw-http.ts";
import { startEchoServer } from "./start-echo-server.ts";

const PATH = "/echo.v1.EchoService/Echo";
const APP = "https://app.example.com";

async function preflight(port: number, origin: string) {
  return request(await openSession(port), {
    ":method": "OPTIONS",
    ":path": PATH,
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-grpc-web",
  });
}

async function call(port: number, origin?: string, contentType = "application/json") {
  const body = contentType === "application/json" ? Buffer.from("{}") : Buffer.alloc(5);
  return request(
    await openSession(port),
    { ":method": "POST", ":path": PATH, "content-type": contentType, ...(origin !== undefined && { origin }) },
    body,
  );
}

function corsHeaders(headers: Record<string, unknown>): string[] {
  return Object.keys(headers).filter((name) => name.startsWith("access-control-") || name === "vary");
}

test("a preflight of an allowed origin lets it send what the protocols need, for two hours", async () => {
  const { port } = await startEchoServer({ corsOrigins: ["https://other.example.com", APP] });
  const { status, headers } = await preflight(port, APP);
  expect(status).toBe(204);
  expect(headers).toMatchObject({
    "access-control-allow-origin": APP,
    "access-control-allow-methods": "POST, GET",
    "access-control-max-age": "7200",
    vary: "Origin",
  });
  expect(String(headers["access-control-allow-headers"]).toLowerCase().split(", ")).toEqual(
    expect.arrayContaining([
      "content-type",
      "connect-protocol-version",
      "connect-timeout-ms",
      "grpc-timeout",
      "x-grpc-web",
      "x-user-agent",
      "authorization",
      "x-request-id",
    ]),
  );
});

describe.each(["application/json", "application/grpc-web+proto"])("a call with %s", (contentType) => {
  test("of an allowed origin may be read, with its request id and its status", async () => {
    const { port } = await startEchoServer({ corsOrigins: [APP] });
    const { status, headers } = await call(port, APP, contentType);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ "access-control-allow-origin": APP, vary: "Origin" });
    expect(String(headers["access-control-expose-headers"]).toLowerCase().split(", ")).toEqual(
      expect.arrayContaining(["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"]),
    );
  });

  test("of another origin is answered without CORS headers, and caches are told why", async () => {
    const { port } = await startEchoServer({ corsOrigins: [APP] });
    const { status, headers } = await call(port, "https://evil.example.com", contentType);
    expect(status).toBe(200);
    expect(corsHeaders(headers)).toEqual(["vary"]);
  });
});

test.each(["https://evil.example.com", `${APP}/`, "https://app.example.com:8443", "http://app.example.com", "null"])(
  "the origin %s is not taken for an allowed one",
  async (origin) => {
    const { port } = await startEchoServer({ corsOrigins: [APP] });
    const { status, headers } = await preflight(port, origin);
    expect(status).toBe(405);
    expect(corsHeaders(headers)).toEqual(["vary"]);
  },
);

test("an asterisk allows every origin", async () => {
  const { port } = await startEchoServer({ corsOrigins: ["*"] });
  expect((await preflight(port, "https://any.example.com")).headers["access-control-allow-origin"]).toBe("*");
  expect((await call(port, "null")).headers["access-control-allow-origin"]).toBe("*");
});

test("a request that is no page's gets no CORS headers besides Vary", async () => {
  const { port } = await startEchoServer({ corsOrigins: [APP] });
  expect(corsHeaders((await call(port)).headers)).toEqual(["vary"]);
});

test("an OPTIONS that is no preflight is answered as any other request", async () => {
  const { port } = await startEchoServer({ corsOrigins: [APP] });
  const answer = await request(await openSession(port), { ":method": "OPTIONS", ":path": PATH, origin: APP });
  expect(answer).toMatchObject({ status: 405, headers: { "access-control-allow-origin": APP } });
});

test("without corsOrigins there are no CORS headers at all", async () => {
  const { port } = await startEchoServer();
  expect(corsHeaders((await preflight(port, APP)).headers)).toEqual([]);
  expect(corsHeaders((await call(port, APP)).headers)).toEqual([]);
});

test("an unknown path tells an allowed page so", async () => {
  const { port } = await startEchoServer({ corsOrigins: [APP] });
  const answer = await request(await openSession(port), { ":path": "/nobody", origin: APP });
  expect(answer).toMatchObject({ status: 404, headers: { "access-control-allow-origin": APP } });
});

test("answers that are always the same have the CORS headers of their own request only", async () => {
  const other = "https://other.example.com";
  const { port } = await startEchoServer({ corsOrigins: [APP, other] });
  const session = await openSession(port);
  const headersOf = async (origin?: string) => {
    const { headers } = await request(session, { ":path": "/nobody", ...(origin !== undefined && { origin }) });
    return [headers["access-control-allow-origin"], headers.vary];
  };
  expect(await headersOf(APP)).toEqual([APP, "Origin"]);
  expect(await headersOf(other)).toEqual([other, "Origin"]);
  expect(await headersOf("https://evil.example.com")).toEqual([undefined, "Origin"]);
  expect(await headersOf()).toEqual([undefined, "Origin"]);
});
