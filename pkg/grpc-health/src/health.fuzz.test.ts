import { setImmediate as turn } from "node:timers/promises";
import { Code, createHandlerContext } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as WireStatus } from "./gen/grpc/health/v1/health_pb.ts";
import { createHealth, type ServingStatus } from "./health.ts";

const names = ["", "a.A", "b.B", "c.C"];
const name = fc.constantFrom(...names);
const status = fc.constantFrom<ServingStatus>("SERVING", "NOT_SERVING");
const watcherIndex = fc.nat(7);

const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("set"), name, status }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("setAll"), status }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("watch"), name }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("read"), index: watcherIndex }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel"), index: watcherIndex }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("turn") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("shutdown") }) },
);

it("brings every watcher, however slow, to the last status without repeats, whatever is set when", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60, size: "max" }), async (commands) => {
      const health = createHealth({ services: ["a.A"] });
      const model = new Map<string, ServingStatus>([
        ["", "NOT_SERVING"],
        ["a.A", "NOT_SERVING"],
      ]);
      let isShutDown = false;
      const watchers: ReturnType<typeof openWatch>[] = [];

      for (const step of commands) {
        switch (step.kind) {
          case "set":
            health.set(step.name, step.status);
            if (!isShutDown) model.set(step.name, step.status);
            break;
          case "setAll":
            health.setAll(step.status);
            if (!isShutDown) for (const key of model.keys()) model.set(key, step.status);
            break;
          case "watch":
            watchers.push(openWatch(health, step.name));
            break;
          case "read":
            void pick(watchers, step.index)?.read();
            break;
          case "cancel":
            pick(watchers, step.index)?.cancel();
            break;
          case "turn":
            await turn();
            break;
          case "shutdown":
            health.shutdown();
            isShutDown = true;
            for (const key of model.keys()) model.set(key, "NOT_SERVING");
            break;
        }
      }

      for (const key of names) {
        expect(health.get(key)).toBe(model.get(key));
      }
      for (const watcher of watchers) {
        await turn();
        void watcher.read();
        await turn();
        if (!watcher.isCancelled()) {
          // One more read has to be enough: nothing is queued for a slow reader.
          expect(watcher.seen.at(-1)).toBe(WireStatus[model.get(watcher.name) ?? "SERVICE_UNKNOWN"]);
        }
        expect(watcher.seen.filter((value, index) => value === watcher.seen[index - 1])).toEqual([]);
      }

      health.close();
      for (const watcher of watchers) {
        await watcher.drain();
        expect(watcher.endedWith()).toBe(watcher.isCancelled() ? Code.Canceled : Code.Unavailable);
      }
    }),
    { seed: 20_261, numRuns: Number(process.env.FUZZ_RUNS ?? 300) },
  );
});

/** One of the open watchers, wherever the index points. */
function pick<T>(items: readonly T[], index: number): T | undefined {
  return items[index % items.length];
}

/** A watcher that reads only when told, one message at a time. */
function openWatch(health: ReturnType<typeof createHealth>, service: string) {
  const context = createHandlerContext({
    service: Health,
    method: Health.method.watch,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://localhost/grpc.health.v1.Health/Watch",
  });
  const request = { $typeName: "grpc.health.v1.HealthCheckRequest", service } as const;
  const stream = health.service.watch(request, context)[Symbol.asyncIterator]();
  const seen: (WireStatus | undefined)[] = [];
  let reading: Promise<void> | undefined;
  let end: unknown;

  async function readNext() {
    try {
      const { value } = await stream.next();
      seen.push(value?.status);
    } catch (error) {
      end = error;
    }
    reading = undefined;
  }

  /** Asks for the next message, unless one is asked for already or the stream has ended. */
  async function read() {
    if (end === undefined) {
      reading ??= readNext();
      await reading;
    }
  }

  return {
    name: service,
    seen,
    read,
    cancel: () => context.abort(),
    isCancelled: () => context.signal.aborted,
    endedWith: () => (end as { code?: Code } | undefined)?.code,
    /** Reads to the end; a closed health service needs at most two reads more. */
    async drain() {
      for (let reads = 0; end === undefined && reads < 3; reads++) {
        await read();
      }
    },
  };
}
