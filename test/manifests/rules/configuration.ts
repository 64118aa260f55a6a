import { ENVIRONMENTS } from "@grpc-service-template/config";
import {
  type Container,
  containerThat,
  deployments,
  type Manifest,
  nameOf,
  ofKind,
  portOf,
  scalerOf,
  usesDatabase,
  type Variable,
  type Workload,
} from "../manifest.ts";
import { startupSecondsOf } from "./probes.ts";
import { mostPodsOf } from "./scaling.ts";

/** What the manifests must agree with in a service's configuration. */
export interface ServiceConfiguration {
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
  /** These four of a service that has a database. */
  readonly migrations?: string;
  readonly databaseUrl?: string;
  readonly databaseMaxConnections?: number;
  readonly databaseWaitMs?: number;
  readonly drainDelayMs: number;
  readonly terminationGracePeriodMs: number;
}

/** What a service makes of its variables; undefined when nothing is known of the service. It throws when it would not start. */
export type Configure = (service: string, variables: Record<string, string>) => ServiceConfiguration | undefined;

/** The configurations in which the commands of each service start, and whether they fit what is around them. */
export function wrongConfigurations(manifests: readonly Manifest[], configure: Configure): string[] {
  return deployments(manifests).flatMap((deployment) => {
    const load = (command: string) =>
      configure(deployment.metadata.name, variablesOf(containerThat(command, deployment), manifests));
    try {
      const serve = load("serve");
      const migrate = usesDatabase(deployment) ? load("migrate") : serve;
      if (!serve || !migrate) return [];
      return [
        ...(JSON.stringify(migrate) === JSON.stringify(serve) ? [] : ["migrates with another configuration"]),
        ...misfits(deployment, serve),
        ...tooManyConnections(deployment, serve, manifests),
      ].map((problem) => `${nameOf(deployment)} ${problem}`);
    } catch (error) {
      return [`${nameOf(deployment)} does not start: ${(error as Error).message}`];
    }
  });
}

/** Every kube-proxy and gateway should have noticed. */
const LEAST_DRAIN_DELAY_MS = 5_000;
/** From the container's start until it is ready, beside its wait for the database. */
const START_MS = 10_000;

function misfits(deployment: Workload, config: ServiceConfiguration): string[] {
  const { terminationGracePeriodSeconds: grace = 30, containers } = deployment.spec.template.spec;
  // SIGTERM comes when the hook is done, and the grace period has begun before it.
  const hook = Math.max(...containers.map(preStopSecondsOf));
  return [
    // That both pauses and a margin fit it, is a rule of the configuration's own.
    ...(config.terminationGracePeriodMs === (grace - hook) * 1000
      ? []
      : [`has ${grace} s to end, of which preStop takes ${hook}, and drains as if it were another time`]),
    ...(config.drainDelayMs >= LEAST_DRAIN_DELAY_MS ? [] : ["goes before gateways have noticed"]),
    ...(startupSecondsOf(deployment) * 1000 >= (config.databaseWaitMs ?? 0) + START_MS
      ? []
      : ["is killed while it waits for its database"]),
    ...((config.migrations ?? "refuse") === "refuse" ? [] : ["migrates when it serves"]),
    ...(config.host === "" ? [] : ["does not listen on all addresses"]),
    ...(portOf(deployment, "rpc") === config.port ? [] : ["listens on another port than rpc's"]),
    ...(portOf(deployment, "admin") === config.adminPort ? [] : ["listens on another port than admin's"]),
  ];
}

/** Unknown, and so for ever, unless it is a `sleep`. */
function preStopSecondsOf({ lifecycle }: Container): number {
  return lifecycle?.preStop ? (lifecycle.preStop.sleep?.seconds ?? Number.POSITIVE_INFINITY) : 0;
}

/** PostgreSQL's default of max_connections, less a reserve for its superusers, migrations and people. */
const CONNECTIONS = 100 - 10;
/** The annotation of a HorizontalPodAutoscaler for a database with more, or less. */
const BOUND = "database-max-connections";

function tooManyConnections(
  deployment: Workload,
  config: ServiceConfiguration,
  manifests: readonly Manifest[],
): string[] {
  const bound = Number(scalerOf(deployment, manifests)?.metadata.annotations?.[BOUND] ?? CONNECTIONS);
  const most = mostPodsOf(deployment, manifests) * (config.databaseMaxConnections ?? 0);
  return most <= bound ? [] : [`may open ${most} connections, of ${bound}: else say ${BOUND} at its autoscaler`];
}

/** In the configuration's own words, when it has one for this environment: `dev` is none. */
export function wrongEnvironments(manifests: readonly Manifest[], environment: string | undefined): string[] {
  if (!ENVIRONMENTS.some((known) => known === environment)) return [];
  return deployments(manifests).flatMap((deployment) => {
    const name = variablesOf(containerThat("serve", deployment), manifests).APP_ENV;
    return name === environment ? [] : [`${nameOf(deployment)} runs as ${name}, in ${environment}`];
  });
}

/** What a container's environment will be; what comes from elsewhere, Secrets above all, is not known here. */
function variablesOf(container: Container | undefined, manifests: readonly Manifest[]): Record<string, string> {
  const maps = (container?.envFrom ?? []).map(
    ({ configMapRef }) =>
      ofKind(manifests, "ConfigMap").find(({ metadata }) => metadata.name === configMapRef?.name)?.data,
  );
  return Object.assign({}, ...maps, ...(container?.env ?? []).map((each) => ({ [each.name]: contentOf(each) })));
}

function contentOf({ name, value }: Variable): string {
  if (value !== undefined) return value.replaceAll(/\$\([^)]*\)/g, "x");
  return name === "DATABASE_URL" ? "postgresql://host/database" : "x";
}
