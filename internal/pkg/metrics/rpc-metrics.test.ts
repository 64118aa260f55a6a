import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { createRpcMetrics } from "./rpc-metrics.ts";

test("the metrics have the names and types of go-grpc-middleware's Prometheus provider", async () => {
  const registry = new Registry();
  createRpcMetrics(registry);
  const types = (await registry.metrics()).split("\n").filter((line) => line.startsWith("# TYPE"));
  expect(types).toEqual([
    "# TYPE grpc_server_started_total counter",
    "# TYPE grpc_server_handled_total counter",
    "# TYPE grpc_server_msg_received_total counter",
    "# TYPE grpc_server_msg_sent_total counter",
    "# TYPE grpc_server_handling_seconds histogram",
  ]);
});

test("latencies fall into buckets from a millisecond to ten seconds", async () => {
  const registry = new Registry();
  const { seconds, countsOf } = createRpcMetrics(registry);
  const { durations } = countsOf("unary", "s", "M");
  seconds.add(durations, 0.03);
  const text = await registry.metrics();
  expect(text).toContain('grpc_server_handling_seconds_sum{grpc_type="unary",grpc_service="s",grpc_method="M"} 0.03');
  expect(text).toContain('grpc_server_handling_seconds_count{grpc_type="unary",grpc_service="s",grpc_method="M"} 1');
  const buckets = text.matchAll(/_bucket\{le="([^"]+)".*\} (\d)/g);
  expect(Array.from(buckets, ([, bound, count]) => `${bound}: ${count}`)).toEqual([
    ...["0.001: 0", "0.0025: 0", "0.005: 0", "0.01: 0", "0.025: 0", "0.05: 1", "0.1: 1", "0.25: 1"],
    ...["0.5: 1", "1: 1", "2.5: 1", "5: 1", "10: 1", "+Inf: 1"],
  ]);
});

test("two registries count apart, and one registry refuses the metrics twice", () => {
  const registry = new Registry();
  createRpcMetrics(registry);
  expect(() => createRpcMetrics(new Registry())).not.toThrow();
  expect(() => createRpcMetrics(registry)).toThrow(/already been registered/);
});

test("a latency on a bucket's bound is in it, one above all bounds in the last", async () => {
  const registry = new Registry();
  const { seconds, countsOf } = createRpcMetrics(registry);
  const { durations } = countsOf("unary", "s", "M");
  for (const latency of [0.001, 10, 11]) seconds.add(durations, latency);
  const { values } = await seconds.get();
  const countOf = (bound: number | string) => values.find(({ labels }) => Reflect.get(labels, "le") === bound)?.value;
  expect([countOf(0.001), countOf(5), countOf(10), countOf("+Inf")]).toEqual([1, 1, 2, 3]);
});
