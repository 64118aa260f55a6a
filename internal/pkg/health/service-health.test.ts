import { createClient, createRouterTransport } from "@connectrpc/connect";
import { Health } from "@grpc-service-template/grpc-health";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { captureLog } from "../middleware/echo-server.fixture.ts";
import { createServiceHealth } from "./service-health.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const STATUS = { 1: "SERVING", 2: "NOT_SERVING" } as Record<number, string>;
const FOLLOWERS = ["", "readiness", "echo.v1.EchoService"];

function setUp() {
  const state = { healthy: true };
  const { logger, lines } = captureLog();
  const health = createServiceHealth({
    services: ["echo.v1.EchoService"],
    async check() {
      if (!state.healthy) throw new Error("down");
    },
    intervalMs: 1_000,
    timeoutMs: 500,
    logger,
  });
  const client = createClient(
    Health,
    createRouterTransport((router) => router.service(Health, health.service)),
  );
  const statuses = async () => {
    const { statuses } = await client.list({});
    return Object.fromEntries(Object.entries(statuses).map(([name, { status }]) => [name, STATUS[status]]));
  };
  /** What all names that follow the readiness say, and the readiness itself; they must agree. */
  const readiness = async () => {
    const all = await statuses();
    expect(new Set(FOLLOWERS.map((name) => all[name])).size).toBe(1);
    expect(all[""] === "SERVING").toBe(health.isReady());
    return all[""];
  };
  return { state, health, lines, statuses, readiness };
}

test("before the start only liveness is SERVING", async () => {
  const { statuses } = setUp();
  await expect(statuses()).resolves.toEqual({
    ...Object.fromEntries(FOLLOWERS.map((name) => [name, "NOT_SERVING"])),
    liveness: "SERVING",
    startup: "NOT_SERVING",
  });
});

test("once started every name is SERVING", async () => {
  const { health, statuses, lines } = setUp();
  await health.start();
  expect(new Set(Object.values(await statuses()))).toEqual(new Set(["SERVING"]));
  expect(lines).toMatchObject([{ level: "info", message: "serving" }]);
});

test("a start without the database is a start: startup is SERVING, readiness is not", async () => {
  const { health, state, statuses, readiness } = setUp();
  state.healthy = false;
  await health.start();
  await expect(statuses()).resolves.toMatchObject({
    startup: "SERVING",
    readiness: "NOT_SERVING",
    liveness: "SERVING",
  });
  await expect(readiness()).resolves.toBe("NOT_SERVING");
});

test("readiness follows the check, damped, and says why; liveness and startup do not follow", async () => {
  const { health, state, statuses, readiness, lines } = setUp();
  await health.start();
  state.healthy = false;
  await vi.advanceTimersByTimeAsync(2_000);
  await expect(readiness()).resolves.toBe("SERVING");
  await vi.advanceTimersByTimeAsync(1_000);
  await expect(readiness()).resolves.toBe("NOT_SERVING");
  await expect(statuses()).resolves.toMatchObject({ liveness: "SERVING", startup: "SERVING" });
  expect(lines.at(-1)).toMatchObject({
    level: "warn",
    message: "not serving",
    reason: expect.stringContaining("Error: down"),
  });
});

test("while it stops, liveness and startup stay SERVING", async () => {
  const { health, statuses, readiness } = setUp();
  await health.start();
  health.stop();
  await expect(readiness()).resolves.toBe("NOT_SERVING");
  health.close();
  await expect(statuses()).resolves.toMatchObject({
    liveness: "SERVING",
    startup: "SERVING",
    readiness: "NOT_SERVING",
  });
});
