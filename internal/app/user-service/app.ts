import { setTimeout as sleep } from "node:timers/promises";
import { createHealth, Health } from "@grpc-service-template/grpc-health";
import { registerReflection } from "@grpc-service-template/grpc-reflection";
import { createRpcServer } from "@grpc-service-template/rpc-server";
import { collectDefaultMetrics, Registry } from "prom-client";
import { v7 as uuidv7 } from "uuid";
import { file_google_rpc_error_details } from "#api/google/rpc/error_details_pb.ts";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import { createAdminServer } from "#internal/pkg/admin/admin-server.ts";
import { createReadiness } from "#internal/pkg/health/readiness.ts";
import type { Runnable } from "#internal/pkg/lifecycle/run-until-signal.ts";
import { createLogger, type Logger } from "#internal/pkg/logger/logger.ts";
import { createDatabaseMetrics, type DatabaseMetrics } from "#internal/pkg/metrics/database-metrics.ts";
import { createRpcMetrics } from "#internal/pkg/metrics/rpc-metrics.ts";
import { createAccessLog } from "#internal/pkg/middleware/access-log.ts";
import { createErrorsInterceptor } from "#internal/pkg/middleware/errors.ts";
import { createMetricsObserver } from "#internal/pkg/middleware/metrics.ts";
import { createObserveInterceptor } from "#internal/pkg/middleware/observe.ts";
import { createRequestIdInterceptor } from "#internal/pkg/middleware/request-id.ts";
import { createValidationInterceptor } from "#internal/pkg/middleware/validation.ts";
import { SERVICE, type UserServiceConfig } from "./config.ts";
import { type Database, openDatabase } from "./database.ts";
import { createUserHandler } from "./handler/user-handler.ts";
import { createUserService } from "./service/user-service.ts";

/** What tests and benchmarks may put in place of the real thing. */
export interface AppOverrides {
  readonly logger?: Logger;
  readonly database?: Database;
  /** Makes ids, in ascending order. */
  readonly newId?: () => string;
  readonly now?: () => Date;
}

export interface App extends Runnable {
  /** Migrates the database, listens, and resolves once the service is ready for calls or knows that it is not yet. */
  start(): Promise<{ readonly port: number; readonly adminPort: number }>;
  /** Stops without losing a call: NOT_SERVING, pause, drain, database. May be called again, and before start. */
  close(): Promise<void>;
}

/** Puts the user service together. Nothing listens or connects before `start`. */
export function createApp(config: UserServiceConfig, overrides: AppOverrides = {}): App {
  const logger = overrides.logger ?? createServiceLogger(config);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const database = overrides.database ?? openConfiguredDatabase(config, logger, createDatabaseMetrics(registry));
  const users = createUserService({
    repository: database.users,
    newId: overrides.newId ?? uuidv7,
    now: overrides.now ?? (() => new Date()),
  });

  const health = createHealth({ services: [UserService.typeName] });
  const readiness = createReadiness({
    check: database.check,
    intervalMs: config.healthIntervalMs,
    onChange(ready, reason) {
      health.setAll(ready ? "SERVING" : "NOT_SERVING");
      logger.info(ready ? "serving" : "not serving", { ...(reason !== undefined && { reason }) });
    },
  });

  const onError = (error: unknown) => logger.error("a server could not answer", { error });
  const rpcServer = createRpcServer({
    routes(router) {
      router.service(UserService, createUserHandler(users));
      router.service(Health, health.service);
      if (config.reflection) {
        registerReflection(router, { services: [UserService, Health], files: [file_google_rpc_error_details] });
      }
    },
    interceptors: [
      createRequestIdInterceptor(),
      createObserveInterceptor([createAccessLog(logger), createMetricsObserver(createRpcMetrics(registry))]),
      createErrorsInterceptor({ domain: SERVICE, logger }),
      createValidationInterceptor(),
    ],
    corsOrigins: config.corsOrigins,
    onError,
  });
  const adminServer = createAdminServer({ registry, isReady: readiness.isReady, onError });

  async function start() {
    await database.prepare(config.migrations);
    const { port } = await rpcServer.listen({ port: config.port, host: config.host });
    const adminPort = await adminServer.listen({ port: config.adminPort, host: config.host });
    logger.info("listening", { port, adminPort });
    await readiness.start();
    return { port, adminPort };
  }

  async function stop() {
    const wasReady = readiness.isReady();
    readiness.stop();
    // Load balancers go on sending calls until they have noticed.
    if (wasReady) await sleep(config.drainDelayMs);
    health.close();
    const { abortedCalls } = await rpcServer.drain({ timeoutMs: config.drainTimeoutMs });
    await adminServer.close();
    await database.close();
    logger.info("stopped", { abortedCalls });
  }

  let stopped: Promise<void> | undefined;
  return {
    start,
    close() {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Applies the migrations that the database has not seen, whatever `config.migrations` says. Throws MigrationError. */
export async function migrate(config: UserServiceConfig): Promise<void> {
  const database = openConfiguredDatabase(config, createServiceLogger(config));
  try {
    await database.prepare("apply");
  } finally {
    await database.close();
  }
}

function createServiceLogger({ logLevel: level, logFormat: format, version }: UserServiceConfig): Logger {
  return createLogger({ level, format, service: SERVICE, version });
}

function openConfiguredDatabase(config: UserServiceConfig, logger: Logger, metrics?: DatabaseMetrics): Database {
  return openDatabase(
    {
      url: config.databaseUrl,
      maxConnections: config.databaseMaxConnections,
      connectTimeoutMs: config.databaseConnectTimeoutMs,
      statementTimeoutMs: config.databaseStatementTimeoutMs,
      lockTimeoutMs: config.databaseLockTimeoutMs,
      idleInTransactionTimeoutMs: config.databaseIdleInTransactionTimeoutMs,
      applicationName: SERVICE,
    },
    logger,
    metrics,
  );
}
