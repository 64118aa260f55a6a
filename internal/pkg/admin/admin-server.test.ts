import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { Counter, Registry } from "prom-client";
import { expect, onTestFinished, test, vi } from "vitest";
import { createLogger } from "#internal/pkg/logger/logger.ts";
import { createAdminServer } from "./admin-server.ts";

const onError = (error: unknown) => {
  throw error;
};

const quiet = () => createLogger({ level: "error", service: "s", version: "1" });

async function start({ isReady = (): boolean => true, registry = new Registry(), logger = quiet() } = {}) {
  const server = createAdminServer({ registry, isReady, logger, onError });
  const port = await server.listen({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  return { server, port, get: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init) };
}

/** Sends bytes and resolves to all that comes back. */
async function send(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(bytes);
  return text(socket);
}

test("/metrics prints what was measured, in the format that Prometheus reads", async () => {
  const registry = new Registry();
  new Counter({ name: "calls_total", help: "Calls.", registers: [registry] }).inc(3);
  const { get } = await start({ registry });
  const response = await get("/metrics");
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  await expect(response.text()).resolves.toContain("\ncalls_total 3\n");
});

test("/metrics answers 500 without the error's text when a metric cannot be collected, and goes on", async () => {
  const registry = new Registry();
  let broken = true;
  new Counter({
    name: "calls_total",
    help: "Calls.",
    registers: [registry],
    collect() {
      if (broken) throw new Error("password=x");
    },
  });
  const { get } = await start({ registry });
  const response = await get("/metrics");
  expect(response.status).toBe(500);
  await expect(response.text()).resolves.toBe("internal error\n");
  broken = false;
  expect((await get("/metrics")).status).toBe(200);
});

test("/livez answers 200 whatever the readiness", async () => {
  const { get } = await start({ isReady: () => false });
  const response = await get("/livez");
  expect(response.status).toBe(200);
  await expect(response.text()).resolves.toBe("ok\n");
});

test("/readyz answers 200 while ready and 503 while not, and is never cached", async () => {
  let ready = false;
  const { get } = await start({ isReady: () => ready });
  const before = await get("/readyz");
  expect([before.status, await before.text()]).toEqual([503, "not ready\n"]);
  expect(before.headers.get("cache-control")).toBe("no-store");
  ready = true;
  const after = await get("/readyz");
  expect([after.status, await after.text()]).toEqual([200, "ok\n"]);
});

test("a query changes nothing", async () => {
  const { get } = await start();
  expect((await get("/readyz?verbose")).status).toBe(200);
});

test("HEAD answers like GET, without a body", async () => {
  const { get } = await start();
  for (const path of ["/metrics", "/livez", "/readyz"]) {
    const response = await get(path, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  }
});

test.each(["POST", "PUT", "DELETE"])("%s is not allowed, and the answer says what is", async (method) => {
  const { get } = await start();
  const response = await get("/metrics", { method });
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toBe("GET, HEAD");
});

test.each(["/", "/metrics/", "/Metrics", "/constructor", "/__proto__"])("%s is not found", async (path) => {
  const { get } = await start();
  const response = await get(path);
  expect(response.status).toBe(404);
  await expect(response.text()).resolves.toBe("there are /metrics, /livez, /readyz and /loglevel\n");
});

test("/loglevel tells the level; a PUT changes it and says so in the log", async () => {
  const logger = createLogger({ level: "info", service: "s", version: "1", output: { fd: -1 } });
  const warn = vi.spyOn(logger, "warn");
  const { get } = await start({ logger });
  await expect((await get("/loglevel")).text()).resolves.toBe("info\n");
  const changed = await get("/loglevel", { method: "PUT", body: "debug\n" });
  expect([changed.status, await changed.text()]).toEqual([200, "debug\n"]);
  expect(logger.isLevelEnabled("debug")).toBe(true);
  expect(warn).toHaveBeenCalledExactlyOnceWith("log level changed", { before: "info", now: "debug" });
});

test.each(["", "loud", "DEBUG", "silly", "debug ".repeat(100_000)])(
  "a level that is none (%#) is refused with the ones there are, and changes nothing",
  async (body) => {
    const logger = quiet();
    const { get } = await start({ logger });
    const response = await get("/loglevel", { method: "PUT", body });
    expect([response.status, await response.text()]).toEqual([
      400,
      "the level must be one of error, warn, info, debug\n",
    ]);
    expect(logger.level).toBe("error");
    const posted = await get("/loglevel", { method: "POST", body: "debug" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD, PUT"]);
  },
);

test.each(["//", "http://", "*", "http://x:port/"])(
  "the request target %s is not found, and ends nothing",
  async (target) => {
    const { port, get } = await start();
    const request = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    await expect(send(port, request)).resolves.toMatch(/^HTTP\/1\.1 404 /);
    expect((await get("/livez")).status).toBe(200);
  },
);

test("a target with a host in it, as proxies send, means its path", async () => {
  const { port } = await start();
  const request = "GET http://x/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  await expect(send(port, request)).resolves.toMatch(/^HTTP\/1\.1 200 /);
});

test("listening where somebody listens already is refused with Node's error", async () => {
  const { port } = await start();
  const second = createAdminServer({ registry: new Registry(), isReady: () => true, logger: quiet(), onError });
  await expect(second.listen({ port, host: "127.0.0.1" })).rejects.toMatchObject({ code: "EADDRINUSE", port });
});

test("without a host it listens on all addresses", async () => {
  const server = createAdminServer({ registry: new Registry(), isReady: () => true, logger: quiet(), onError });
  onTestFinished(() => server.close());
  const port = await server.listen({ port: 0 });
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
});

test("closing frees the port although clients keep their connections, and may be repeated or come first", async () => {
  const { server, port } = await start();
  const idle = connect(port, "127.0.0.1");
  idle.on("error", () => {});
  await once(idle, "connect");
  await server.close();
  await server.close();
  const next = createAdminServer({ registry: new Registry(), isReady: () => true, logger: quiet(), onError });
  await next.close();
  onTestFinished(() => next.close());
  await expect(next.listen({ port, host: "127.0.0.1" })).resolves.toBe(port);
});
