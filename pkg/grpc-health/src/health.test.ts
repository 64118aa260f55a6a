import { getEventListeners } from "node:events";
import { Code, ConnectError, createClient, createHandlerContext, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as WireStatus } from "./gen/grpc/health/v1/health_pb.ts";
import { createHealth, type HealthOptions } from "./health.ts";

const userService = "user.v1.UserService";

function setup(options?: HealthOptions) {
  const health = createHealth(options);
  const client = createClient(
    Health,
    createRouterTransport((router) => {
      router.service(Health, health.service);
    }),
  );
  return { health, client };
}

/** Opens a Watch; each `next` gives the next status or rejects with how the stream ended. */
function watch(client: ReturnType<typeof setup>["client"], service: string) {
  const call = new AbortController();
  const stream = client.watch({ service }, { signal: call.signal })[Symbol.asyncIterator]();
  const next = async () => (await stream.next()).value?.status;
  return { next, cancel: () => call.abort() };
}

/** The code that a call fails with. */
async function codeOf(failing: Promise<unknown>) {
  const error = await failing.then(
    (value) => expect.unreachable(`expected a failure, got ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  return error instanceof ConnectError ? Code[error.code] : error;
}

describe("Check", () => {
  it("answers NOT_SERVING for the server and the named services until they are set", async () => {
    const { client } = setup({ services: ["", userService] });
    expect((await client.check({})).status).toBe(WireStatus.NOT_SERVING);
    expect((await client.check({ service: userService })).status).toBe(WireStatus.NOT_SERVING);
  });

  it("answers with the status of the service it is asked for", async () => {
    const { health, client } = setup({ services: [userService] });
    health.set(userService, "SERVING");
    expect((await client.check({ service: userService })).status).toBe(WireStatus.SERVING);
    expect((await client.check({ service: "" })).status).toBe(WireStatus.NOT_SERVING);
  });

  it("fails with NOT_FOUND for a name nobody set, and answers once it is set", async () => {
    const { health, client } = setup();
    expect(await codeOf(client.check({ service: userService }))).toBe("NotFound");
    health.set(userService, "SERVING");
    expect((await client.check({ service: userService })).status).toBe(WireStatus.SERVING);
  });

  it("matches names exactly", async () => {
    const { client } = setup({ services: [userService] });
    for (const service of ["user.v1", "user.v1.userservice", `${userService} `, "*", "__proto__", "constructor"]) {
      expect(await codeOf(client.check({ service }))).toBe("NotFound");
    }
  });
});

describe("Watch", () => {
  it("sends the current status at once, then each change", async () => {
    const { health, client } = setup({ services: [userService] });
    const watcher = watch(client, userService);
    expect(await watcher.next()).toBe(WireStatus.NOT_SERVING);
    const first = watcher.next();
    health.set(userService, "SERVING");
    expect(await first).toBe(WireStatus.SERVING);
    const second = watcher.next();
    health.set(userService, "NOT_SERVING");
    expect(await second).toBe(WireStatus.NOT_SERVING);
    watcher.cancel();
  });

  it("sends nothing when a status is set to what it was, or when another service changes", async () => {
    const { health, client } = setup({ services: [userService] });
    const watcher = watch(client, userService);
    expect(await watcher.next()).toBe(WireStatus.NOT_SERVING);
    const next = watcher.next();
    health.set(userService, "NOT_SERVING");
    health.set("", "SERVING");
    health.set(userService, "SERVING");
    expect(await next).toBe(WireStatus.SERVING);
    watcher.cancel();
  });

  it("sends SERVICE_UNKNOWN for an unknown name, stays open, and follows the service when it appears", async () => {
    const { health, client } = setup();
    const watcher = watch(client, userService);
    expect(await watcher.next()).toBe(WireStatus.SERVICE_UNKNOWN);
    const next = watcher.next();
    health.set(userService, "SERVING");
    expect(await next).toBe(WireStatus.SERVING);
    watcher.cancel();
  });

  it("gives a slow reader the latest status and skips those in between", async () => {
    const health = createHealth({ services: [userService] });
    const { stream } = watchDirectly(health);
    expect((await stream.next()).value?.status).toBe(WireStatus.NOT_SERVING);
    for (let i = 0; i < 10_001; i++) {
      health.set(userService, i % 2 === 0 ? "SERVING" : "NOT_SERVING");
    }
    expect((await stream.next()).value?.status).toBe(WireStatus.SERVING);
    const next = stream.next();
    health.set(userService, "NOT_SERVING");
    expect((await next).value?.status).toBe(WireStatus.NOT_SERVING);
  });

  it("serves several watchers of one service", async () => {
    const { health, client } = setup();
    const watchers = [watch(client, ""), watch(client, ""), watch(client, "")];
    const status = () => Promise.all(watchers.map((watcher) => watcher.next()));
    expect(await status()).toEqual([WireStatus.NOT_SERVING, WireStatus.NOT_SERVING, WireStatus.NOT_SERVING]);
    const next = status();
    health.setAll("SERVING");
    expect(await next).toEqual([WireStatus.SERVING, WireStatus.SERVING, WireStatus.SERVING]);
    for (const watcher of watchers) {
      watcher.cancel();
    }
  });

  it("ends with CANCELLED and leaves nothing behind when the client goes", async () => {
    const health = createHealth();
    const { stream, signal, abort } = watchDirectly(health);
    await stream.next();
    const end = stream.next();
    abort(new Error("ECONNRESET 10.0.0.1"));
    await expect(end).rejects.toMatchObject({ code: Code.Canceled, rawMessage: "the watch was cancelled" });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("ends with what the server aborted the call for", async () => {
    const { stream, abort } = watchDirectly(createHealth());
    await stream.next();
    const end = stream.next();
    abort(new ConnectError("drained", Code.Unavailable));
    await expect(end).rejects.toMatchObject({ code: Code.Unavailable });
  });

  it("ends with DEADLINE_EXCEEDED at the client's deadline", async () => {
    const { client } = setup();
    const stream = client.watch({}, { timeoutMs: 500 })[Symbol.asyncIterator]();
    await stream.next();
    expect(await codeOf(stream.next())).toBe("DeadlineExceeded");
  });

  function watchDirectly(health: ReturnType<typeof createHealth>) {
    const context = createHandlerContext({
      service: Health,
      method: Health.method.watch,
      protocolName: "grpc",
      requestMethod: "POST",
      url: "http://localhost/grpc.health.v1.Health/Watch",
    });
    const request = { $typeName: "grpc.health.v1.HealthCheckRequest", service: userService } as const;
    const stream = health.service.watch(request, context)[Symbol.asyncIterator]();
    return { stream, signal: context.signal, abort: (reason: Error) => context.abort(reason) };
  }
});

describe("List", () => {
  it("answers with every known service and its status", async () => {
    const { health, client } = setup({ services: [userService] });
    health.set("order.v1.OrderService", "SERVING");
    const { statuses } = await client.list({});
    expect(Object.entries(statuses).map(([name, { status }]) => [name, status])).toEqual([
      ["", WireStatus.NOT_SERVING],
      [userService, WireStatus.NOT_SERVING],
      ["order.v1.OrderService", WireStatus.SERVING],
    ]);
  });

  it("answers for 100 services and fails with RESOURCE_EXHAUSTED for 101", async () => {
    const { health, client } = setup();
    for (let i = 1; i < 100; i++) {
      health.set(`service${i}`, "SERVING");
    }
    expect(Object.keys((await client.list({})).statuses)).toHaveLength(100);
    health.set("service100", "SERVING");
    expect(await codeOf(client.list({}))).toBe("ResourceExhausted");
  });
});

describe("get", () => {
  it("gives the status of a service, of the server without a name, and undefined for an unknown one", () => {
    const health = createHealth();
    health.set("", "SERVING");
    health.set(userService, "NOT_SERVING");
    expect(health.get()).toBe("SERVING");
    expect(health.get(userService)).toBe("NOT_SERVING");
    expect(health.get("order.v1.OrderService")).toBeUndefined();
  });
});

describe("setAll", () => {
  it("sets every known name and tells all watchers", async () => {
    const { health, client } = setup({ services: [userService] });
    const watchers = [watch(client, ""), watch(client, userService)];
    await Promise.all(watchers.map(({ next }) => next()));
    const next = Promise.all(watchers.map(({ next }) => next()));
    health.setAll("SERVING");
    expect(await next).toEqual([WireStatus.SERVING, WireStatus.SERVING]);
    for (const { cancel } of watchers) {
      cancel();
    }
  });
});

describe("shutdown", () => {
  it("makes everything NOT_SERVING and ignores what is set later", async () => {
    const { health, client } = setup({ services: [userService] });
    health.setAll("SERVING");
    health.shutdown();
    health.set(userService, "SERVING");
    health.setAll("SERVING");
    health.set("late.v1.LateService", "SERVING");
    expect((await client.check({})).status).toBe(WireStatus.NOT_SERVING);
    expect((await client.check({ service: userService })).status).toBe(WireStatus.NOT_SERVING);
    expect(await codeOf(client.check({ service: "late.v1.LateService" }))).toBe("NotFound");
  });

  it("tells watchers and keeps their streams open", async () => {
    const { health, client } = setup();
    health.set("", "SERVING");
    const watcher = watch(client, "");
    await watcher.next();
    const told = watcher.next();
    health.shutdown();
    health.shutdown();
    expect(await told).toBe(WireStatus.NOT_SERVING);
    const end = codeOf(watcher.next());
    watcher.cancel();
    expect(await end).toBe("Canceled");
  });
});

describe("close", () => {
  it("ends every Watch with UNAVAILABLE, of unknown names too, after its last status", async () => {
    const { health, client } = setup();
    health.set("", "SERVING");
    const watcher = watch(client, "");
    const ofUnknown = watch(client, userService);
    expect(await watcher.next()).toBe(WireStatus.SERVING);
    expect(await ofUnknown.next()).toBe(WireStatus.SERVICE_UNKNOWN);
    const last = watcher.next();
    const unknownEnd = codeOf(ofUnknown.next());
    health.close();
    expect(await last).toBe(WireStatus.NOT_SERVING);
    expect(await codeOf(watcher.next())).toBe("Unavailable");
    expect(await unknownEnd).toBe("Unavailable");
  });

  it("ends a Watch that was told of the shutdown before", async () => {
    const { health, client } = setup();
    health.shutdown();
    const watcher = watch(client, "");
    expect(await watcher.next()).toBe(WireStatus.NOT_SERVING);
    const end = codeOf(watcher.next());
    health.close();
    expect(await end).toBe("Unavailable");
  });

  it("answers a later Watch with the status and UNAVAILABLE, and a later Check with NOT_SERVING", async () => {
    const { health, client } = setup();
    health.close();
    const watcher = watch(client, "");
    expect(await watcher.next()).toBe(WireStatus.NOT_SERVING);
    expect(await codeOf(watcher.next())).toBe("Unavailable");
    expect((await client.check({})).status).toBe(WireStatus.NOT_SERVING);
  });
});

describe("independent names", () => {
  it("are changed by set alone, also after the shutdown", async () => {
    const { health } = setup({ services: [userService], independent: ["liveness"] });
    expect(health.get("liveness")).toBe("NOT_SERVING");
    health.setAll("SERVING");
    expect(health.get(userService)).toBe("SERVING");
    expect(health.get("liveness")).toBe("NOT_SERVING");
    health.set("liveness", "SERVING");
    health.setAll("NOT_SERVING");
    health.close();
    expect(health.get("liveness")).toBe("SERVING");
    health.set("liveness", "NOT_SERVING");
    expect(health.get("liveness")).toBe("NOT_SERVING");
  });
});
