import type { PoolStats } from "@grpc-service-template/bounded-pg";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Measures the pool and the queries of a service's database. */
export type DatabaseMetrics = ReturnType<typeof createDatabaseMetrics>;

/** Registers the metrics of a database with `registry`. */
export function createDatabaseMetrics(registry: Registry) {
  const registers = [registry];
  const seconds = new Histogram({
    name: "db_query_duration_seconds",
    help: "Histogram of the duration (seconds) of Prisma operations, the wait for a connection included.",
    labelNames: ["operation"],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  return {
    observeOperation: (operation: string, duration: number) => seconds.observe({ operation }, duration),

    /** Reads the pool whenever metrics are asked for. */
    observePool(stats: () => PoolStats): void {
      new Gauge({
        name: "db_pool_connections",
        help: "Number of connections in the pool, by state; those being made count as in use.",
        labelNames: ["state"],
        registers,
        collect() {
          const { inUse, idle } = stats();
          this.set({ state: "in_use" }, inUse);
          this.set({ state: "idle" }, idle);
        },
      });
      new Gauge({
        name: "db_pool_waiting",
        help: "Number of queries and transactions that wait for a connection.",
        registers,
        collect() {
          this.set(stats().waiting);
        },
      });
      new Counter({
        name: "db_pool_timeouts_total",
        help: "Total number of queries and transactions that got no connection in time.",
        registers,
        collect() {
          this.reset();
          this.inc(stats().timeouts);
        },
      });
    },
  };
}
