import { loadConfig, type Options } from "#internal/pkg/config/load-config.ts";
import { count, flag, list, milliseconds, oneOf, port, postgresUrl, text } from "#internal/pkg/config/options.ts";

export const SERVICE = "user-service";

export interface UserServiceConfig {
  readonly version: string;
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
  readonly logLevel: "error" | "warn" | "info" | "debug";
  readonly logFormat: "json" | "pretty";
  readonly corsOrigins: readonly string[];
  readonly reflection: boolean;
  readonly databaseUrl: string;
  readonly databaseMaxConnections: number;
  readonly databaseConnectTimeoutMs: number;
  readonly databaseStatementTimeoutMs: number;
  readonly databaseLockTimeoutMs: number;
  readonly databaseIdleInTransactionTimeoutMs: number;
  readonly migrations: "apply" | "refuse";
  readonly healthIntervalMs: number;
  readonly drainDelayMs: number;
  readonly drainTimeoutMs: number;
}

/** Every option and its default. configs/user-service/ holds what differs in an environment. */
export const userServiceOptions: Options<UserServiceConfig> = {
  version: text({ doc: "The release, as logs and metrics name it.", default: "0.0.0-dev" }),
  host: text({ doc: "The address to listen on; empty: all of this machine's.", default: "" }),
  port: port({ doc: "The port of gRPC, gRPC-Web and Connect; 0: any free one.", default: 8080 }),
  adminPort: port({ doc: "The port of /metrics, /livez and /readyz: never public; 0: any free one.", default: 9090 }),
  logLevel: oneOf(["error", "warn", "info", "debug"], { doc: "The least severe lines to write.", default: "info" }),
  logFormat: oneOf(["json", "pretty"], { doc: "json for machines, pretty for a terminal.", default: "json" }),
  corsOrigins: list({ doc: "The origins whose pages may call, such as https://app.example.com; *: any.", default: [] }),
  reflection: flag({ doc: "Whether clients may ask for the API's description (grpcurl list).", default: false }),
  databaseUrl: postgresUrl({ doc: "The PostgreSQL database to use." }),
  databaseMaxConnections: count({ doc: "The most connections open at a time.", default: 10 }),
  databaseConnectTimeoutMs: milliseconds({ doc: "The longest wait for a free or new connection.", default: 1_500 }),
  databaseStatementTimeoutMs: milliseconds({ doc: "The longest a statement may run.", default: 5_000 }),
  databaseLockTimeoutMs: milliseconds({ doc: "The longest a statement may wait for a lock.", default: 2_000 }),
  databaseIdleInTransactionTimeoutMs: milliseconds({
    doc: "The longest a transaction may do nothing.",
    default: 10_000,
  }),
  migrations: oneOf(["apply", "refuse"], {
    doc: "What to do at start about migrations that the database has not seen: apply them, or refuse to start.",
    default: "refuse",
  }),
  healthIntervalMs: milliseconds({ doc: "The pause between two checks of the database.", default: 1_000 }),
  drainDelayMs: milliseconds({
    doc: "How long to go on serving after saying NOT_SERVING, for load balancers to notice.",
    default: 5_000,
  }),
  drainTimeoutMs: milliseconds({ doc: "How long calls may take to finish once the delay is over.", default: 20_000 }),
};

/** @throws ConfigError */
export function loadUserServiceConfig(env?: NodeJS.ProcessEnv): UserServiceConfig {
  return loadConfig(SERVICE, userServiceOptions, env && { env });
}
