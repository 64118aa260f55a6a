import { existsSync } from "node:fs";
import { glob } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { Health } from "@grpc-service-template/grpc-health";
import { http } from "#api/google/api/annotations_pb.ts";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import type { configuration } from "#internal/app/user-service/config.ts";
import { createServiceHealth } from "#internal/pkg/health/service-health.ts";
import { createLogger } from "#internal/pkg/logger/logger.ts";
import type { Configure } from "./rules/configuration.ts";
import type { Api } from "./rules/routes.ts";
import type { Expectations } from "./rules.ts";

/** A database elsewhere than on PostgreSQL's own port: say so here and in the patch of `allow-database`. */
const DATABASE_PORT = 5432;
/** Services that are reached from outside without a route, as by a load balancer of the cloud: their names. */
const PUBLIC_SERVICES: readonly string[] = [];

/** The names that the user service's health answers to, as the service itself lists them. */
export async function servedHealthNames(): Promise<string[]> {
  const health = createServiceHealth({
    services: [UserService.typeName],
    check: async () => {},
    intervalMs: 1_000,
    timeoutMs: 1_000,
    logger: createLogger({ level: "error", format: "json", service: "test", version: "0.0.0" }),
  });
  const transport = createRouterTransport((router) => router.service(Health, health.service));
  return Object.keys((await createClient(Health, transport).list({})).statuses);
}

/** By deployments/kubernetes/README.md each service's URLs stand in Secrets of these names, which somebody brings. */
export async function expectationsOf(services: readonly string[], environment?: string): Promise<Expectations> {
  const names = await servedHealthNames();
  const secrets = services.flatMap((service) => [`${service}-database`, `${service}-migration`]);
  return {
    answersHealth: (name) => names.includes(name),
    externalSecrets: Object.fromEntries(secrets.map((secret) => [secret, ["DATABASE_URL"]])),
    configure: await configureOf(services),
    apis: await describedApis(),
    databasePort: DATABASE_PORT,
    publicServices: PUBLIC_SERVICES,
    ...(environment && { environment }),
  };
}

/** By each service's own configuration, where it has one. */
async function configureOf(services: readonly string[]): Promise<Configure> {
  const sources = services.map((service) => [service, `internal/app/${service}/config.ts`] as const);
  const loaded = sources
    .filter(([, source]) => existsSync(source))
    .map(async ([service, source]) => {
      const app: { configuration: typeof configuration } = await import(pathToFileURL(source).href);
      return [service, app.configuration] as const;
    });
  const configurations = new Map(await Promise.all(loaded));
  return (service, variables) => configurations.get(service)?.load(variables).values;
}

/** All services of the code that is generated from api/proto. */
async function describedApis(): Promise<Api[]> {
  const apis: Api[] = [];
  for await (const file of glob("pkg/api/**/*_pb.ts")) {
    const described: Record<string, { readonly kind?: string }> = await import(pathToFileURL(file).href);
    const found = Object.values(described).filter((each): each is DescService => each.kind === "service");
    apis.push(...found.map(apiOf));
  }
  return apis;
}

function apiOf({ typeName, methods }: DescService): Api {
  return {
    service: typeName,
    methods: methods.map(({ name }) => name),
    restPaths: [...new Set(methods.flatMap(templatesOf).map(beforeVariables))],
  };
}

function templatesOf(method: DescMethod): string[] {
  if (!hasOption(method, http)) return [];
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings].flatMap(({ pattern }) =>
    typeof pattern.value === "string" ? pattern.value : (pattern.value?.path ?? []),
  );
}

/** `/v1/users/{id}:restore` begins with `/v1/users`, and `/v1/{name=users/*}` does. */
function beforeVariables(template: string): string {
  return template.replaceAll(/\{[^=}]+=([^}]*)\}/g, "$1").replace(/\/[^/]*[{*].*$/, "");
}
