import { collectDefaultMetrics, Gauge, type Registry } from "prom-client";

/** Gauges whose names say counter, which Prometheus' own check refuses; the same by type stands under names without it. */
const MISNAMED = ["nodejs_active_resources_total", "nodejs_active_handles_total", "nodejs_active_requests_total"];

/** Registers what every Node process has (event loop delay, heap, garbage collection, handles, CPU) and what this one is. */
export function collectRuntimeMetrics(registry: Registry, build: { service: string; version: string }): void {
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  new Gauge({
    name: "service_build_info",
    help: "What runs: always 1, the facts are its labels.",
    labelNames: ["service", "version", "node_version"],
    registers: [registry],
  }).set({ ...build, node_version: process.version }, 1);
}
