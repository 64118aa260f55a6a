import { createClient, createRouterTransport } from "@connectrpc/connect";
import { Health } from "@grpc-service-template/grpc-health";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import { createServiceHealth } from "#internal/pkg/health/service-health.ts";
import { createLogger } from "#internal/pkg/logger/logger.ts";
import type { Expectations } from "./rules.ts";

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
export async function expectationsOf(services: readonly string[]): Promise<Expectations> {
  const names = await servedHealthNames();
  const secrets = services.flatMap((service) => [`${service}-database`, `${service}-migration`]);
  return {
    answersHealth: (name) => names.includes(name),
    externalSecrets: Object.fromEntries(secrets.map((secret) => [secret, ["DATABASE_URL"]])),
  };
}
