import {
  count,
  flag,
  milliseconds,
  oneOf,
  origins,
  port,
  postgresUrl,
  share,
  text,
  type Values,
} from "@grpc-service-template/config";
import { bundledVersion } from "#internal/pkg/config/bundled-version.ts";
import { defineConfiguration } from "#internal/pkg/config/define-configuration.ts";

export const SERVICE = "user-service";

/** Every option and its default. configs/user-service/ holds what differs in an environment. */
const options = {
  version: text({ doc: "The release, as logs and metrics name it.", default: bundledVersion }),
  host: text({ doc: "The address to listen on; empty: all of this machine's.", default: "" }),
  port: port({ doc: "The port of gRPC, gRPC-Web, Connect and REST; 0: any free one.", default: 8080 }),
  adminPort: port({ doc: "The port of /metrics, /livez and /readyz: never public; 0: any free one.", default: 9090 }),
  logLevel: oneOf(["error", "warn", "info", "debug"], { doc: "The least severe lines to write.", default: "info" }),
  logFormat: oneOf(["json", "pretty"], { doc: "json for machines, pretty for a terminal.", default: "json" }),
  accessLogSampling: share({
    doc: "The share of successful calls that get a line, 0 to 1; failed ones do.",
    default: 1,
  }),
  corsOrigins: origins({ doc: "The origins whose pages may call; *: any.", default: [] }),
  reflection: flag({ doc: "Whether clients may ask for the API's description (grpcurl list).", default: false }),
  requestIdReturned: oneOf(["always", "on-error", "when-sent"], {
    doc: "Which answers carry x-request-id; errors always do.",
    default: "always",
  }),
  deadlineDefaultMs: milliseconds({
    doc: "How long a call may take whose client sets no deadline.",
    default: 30_000,
    min: 1,
  }),
  deadlineCapMs: milliseconds({
    doc: "How long a call may take at most; a longer deadline is shortened to this.",
    default: 300_000,
    min: 1,
  }),
  databaseUrl: postgresUrl({ doc: "The PostgreSQL database to use." }),
  databaseMaxConnections: count({ doc: "The most connections open at a time.", default: 10 }),
  databaseConnectTimeoutMs: milliseconds({ doc: "The longest wait for a free or new connection.", default: 1_500 }),
  databaseStatementTimeoutMs: milliseconds({ doc: "The longest a statement may run.", default: 5_000 }),
  databaseLockTimeoutMs: milliseconds({ doc: "The longest a statement may wait for a lock.", default: 2_000 }),
  databaseIdleInTransactionTimeoutMs: milliseconds({
    doc: "The longest a transaction may do nothing.",
    default: 10_000,
  }),
  databaseWaitMs: milliseconds({
    doc: "How long to wait at start for a database that is not up yet.",
    default: 30_000,
  }),
  migrations: oneOf(["apply", "refuse"], {
    doc: "What to do at start about migrations that the database has not seen: apply them, or refuse to start.",
    default: "refuse",
  }),
  healthIntervalMs: milliseconds({ doc: "The pause between two checks of the database.", default: 1_000, min: 1 }),
  healthTimeoutMs: milliseconds({ doc: "The longest a check of the database may take.", default: 1_000 }),
  healthFailures: count({ doc: "How many checks in a row must fail to make the service not ready.", default: 3 }),
  drainDelayMs: milliseconds({
    doc: "How long to go on serving after saying NOT_SERVING, for load balancers to notice.",
    default: 5_000,
  }),
  drainTimeoutMs: milliseconds({ doc: "How long calls may take to finish once the delay is over.", default: 20_000 }),
  terminationGracePeriodMs: milliseconds({
    doc: "How long after SIGTERM the platform kills the process (Kubernetes: terminationGracePeriodSeconds).",
    default: 30_000,
  }),
};

export type UserServiceConfig = Values<typeof options>;

/** For what comes after the drain: aborted calls write their answers, the database's connections close. */
const STOP_MARGIN_MS = 5_000;

export const configuration = defineConfiguration(SERVICE, options, [
  {
    keys: ["port", "adminPort"],
    rule: "port and adminPort must differ",
    holds: (config) => config.port !== config.adminPort || config.port === 0,
  },
  {
    keys: ["drainDelayMs", "drainTimeoutMs", "terminationGracePeriodMs"],
    rule: `drainDelayMs + drainTimeoutMs + ${STOP_MARGIN_MS} must not exceed terminationGracePeriodMs`,
    holds: (config) => config.drainDelayMs + config.drainTimeoutMs + STOP_MARGIN_MS <= config.terminationGracePeriodMs,
  },
  {
    keys: ["deadlineDefaultMs", "deadlineCapMs"],
    rule: "deadlineDefaultMs must not exceed deadlineCapMs",
    holds: (config) => config.deadlineDefaultMs <= config.deadlineCapMs,
  },
]);

/** @throws ConfigError */
export function loadUserServiceConfig(env?: NodeJS.ProcessEnv, args?: readonly string[]): UserServiceConfig {
  return configuration.load(env, args).values;
}
