import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { createDatabaseMetrics } from "./database-metrics.ts";

test("the pool is read whenever metrics are asked for", async () => {
  const registry = new Registry();
  let stats = { inUse: 3, idle: 2, waiting: 1, timeouts: 4 };
  createDatabaseMetrics(registry).observePool(() => stats);
  const seen = async () => (await registry.metrics()).split("\n").filter((line) => line.startsWith("db_pool"));
  expect(await seen()).toEqual([
    'db_pool_connections{state="in_use"} 3',
    'db_pool_connections{state="idle"} 2',
    "db_pool_waiting 1",
    "db_pool_timeouts_total 4",
  ]);
  stats = { inUse: 0, idle: 5, waiting: 0, timeouts: 6 };
  expect(await seen()).toEqual([
    'db_pool_connections{state="in_use"} 0',
    'db_pool_connections{state="idle"} 5',
    "db_pool_waiting 0",
    "db_pool_timeouts_total 6",
  ]);
});

test("operations are counted and timed by name", async () => {
  const registry = new Registry();
  const { observeOperation } = createDatabaseMetrics(registry);
  observeOperation("User.findUnique", 0.002);
  observeOperation("User.findUnique", 0.2);
  const text = await registry.metrics();
  expect(text).toContain('db_query_duration_seconds_bucket{le="0.0025",operation="User.findUnique"} 1');
  expect(text).toContain('db_query_duration_seconds_sum{operation="User.findUnique"} 0.202');
  expect(text).toContain('db_query_duration_seconds_count{operation="User.findUnique"} 2');
});
