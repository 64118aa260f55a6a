// Writes docs/metrics.md, the table of all metrics of each service: `node scripts/docs/metrics.ts`.
// The service is put together as it is in production, and started as little as it takes: not at all.
import { globSync } from "node:fs";
import { join } from "node:path";
import { type Metric, Registry } from "prom-client";
import winston from "winston";
import { table, writeDocument } from "./document.ts";

const root = join(import.meta.dirname, "../..");

/** What prom-client's metrics have, beside what their type says. */
type Described = Metric & {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly upperBounds?: readonly number[];
};

async function metricsOf(service: string): Promise<string> {
  const { createApp } = await import(join(root, "internal/app", service, "app.ts"));
  const config = await import(join(root, "internal/app", service, "config.ts"));
  const load = Object.entries(config).find(([name]) => /^load\w+Config$/.test(name))?.[1] as (env: object) => unknown;
  const registry = new Registry();
  const app = createApp(load({ APP_ENV: "production", DATABASE_URL: "postgresql://localhost/none" }), {
    registry,
    logger: winston.createLogger({ silent: true }),
  });
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
  await app.close();
  const metrics = registry.getMetricsAsArray() as unknown as Described[];
  const rows = metrics
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, help, labelNames, upperBounds }) => [
      `\`${name}\``,
      types.get(name) ?? "",
      labelNames.map((label) => `\`${label}\``).join(", "),
      [help, upperBounds && `Buckets: ${upperBounds.join(", ")}.`].filter(Boolean).join(" "),
    ]);
  return `## Of ${service}\n\n${table(["name", "type", "labels", "what it says"], rows)}`;
}

// Elsewhere prom-client knows less about the process, and the document would change with the machine.
if (process.platform !== "linux") process.exit(0);

const services = globSync("internal/app/*/app.ts", { cwd: root }).map((path) => path.split("/")[2] ?? "");
writeDocument("docs/metrics.md", [
  "# Metrics",
  `\`GET /metrics\` on the admin port, in the text format of Prometheus. The names of the RPC metrics are those of go-grpc-middleware's
provider, whose dashboards and alerts fit; \`grpc_code\` is \`OK\` or the name of a status code. What starts with \`nodejs_\` and
\`process_\` is prom-client's; some of the latter exist on Linux only.`,
  ...(await Promise.all(services.sort().map(metricsOf))),
]);
// Sockets and timers that were made in vain must not keep this process.
process.exit(0);
