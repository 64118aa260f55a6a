import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { collectRuntimeMetrics } from "./runtime-metrics.ts";

async function collect(): Promise<string> {
  const registry = new Registry();
  collectRuntimeMetrics(registry, { service: "echo", version: "1.2.3" });
  return registry.metrics();
}

test("the build is named with the release, and the Node that runs it", async () => {
  const line = `service_build_info{service="echo",version="1.2.3",node_version="${process.version}"} 1\n`;
  expect(await collect()).toContain(line);
});

test.each([
  "nodejs_eventloop_lag_p99_seconds",
  "nodejs_heap_size_used_bytes",
  "nodejs_gc_duration_seconds",
  "nodejs_active_handles",
  "process_cpu_seconds_total",
])("%s is there", async (name) => {
  expect(await collect()).toMatch(new RegExp(`^# TYPE ${name} `, "m"));
});

test("no gauge has a counter's name", async () => {
  const types = (await collect()).matchAll(/^# TYPE (\S+) (\S+)$/gm);
  const misnamed = Array.from(types, ([, name = "", type]) => ({ name, type })).filter(
    ({ name, type }) => name.endsWith("_total") && type !== "counter",
  );
  expect(misnamed).toEqual([]);
});
