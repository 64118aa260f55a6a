import { setTimeout as sleep } from "node:timers/promises";
import { Health } from "@grpc-service-template/grpc-health";
import { registerReflection } from "@grpc-service-template/grpc-reflection";
import { createRestTranscoder } from "@grpc-service-template/rest-transcoder";
import { createRpcServer } from "@grpc-service-template/rpc-server";
import { type Runnable, settlesWithin, startDatabase } from "@grpc-service-template/service-lifecycle";
import { Registry } from "prom-client";
import { v7 as uuidv7 } from "uuid";
import { file_google_rpc_error_details } from "#api/google/rpc/error_details_pb.ts";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import { createAdminServer } from "#internal/pkg/admin/admin-server.ts";
import { createServiceHealth } from "#internal/pkg/health/service-health.ts";
import { createLogger, type Logger } from "#internal/pkg/logger/logger.ts";
import { createDatabaseMetrics, type DatabaseMetrics } from "#internal/pkg/metrics/database-metrics.ts";
import { createRpcMetrics } from "#internal/pkg/metrics/rpc-metrics.ts";
import { collectRuntimeMetrics } from "#internal/pkg/metrics/runtime-metrics.ts";
import { createAccessLog } from "#internal/pkg/middleware/access-log.ts";
import { createErrorsInterceptor, withErrorInfo } from "#internal/pkg/middleware/errors.ts";
import { createMetricsObserver } from "#internal/pkg/middleware/metrics.ts";
import { createRequestIdInterceptor, withIdOfCall } from "#internal/pkg/middleware/request-id.ts";
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
  /** Where the metrics are registered. */
  readonly registry?: Registry;
}

/** Health checks and reflection, whose streams last as long as their clients watch. */
const WATCHED = /^grpc\.(health|reflection)\./;

/** For what comes after the drain: connections, the database. */
const CLOSE_MARGIN_MS = 3_000;

/** How long a statement of an aborted call may keep its connection from closing. */
const ABORTED_STATEMENT_MS = 1_000;

export interface App extends Runnable {
  /**
   * Waits for the database, migrates it, listens, and resolves once the service is ready for calls or knows that it is not
   * yet. Probes are answered from the beginning.
   */
  start(signal?: AbortSignal): Promise<{ readonly port: number; readonly adminPort: number }>;
  /** Stops without losing a call: NOT_SERVING, pause, drain, database. May be called again, and before start. */
  close(): Promise<void>;
}

/** Puts the user service together. Nothing listens or connects before `start`. */
export function createApp(config: UserServiceConfig, overrides: AppOverrides = {}): App {
  const logger = overrides.logger ?? createServiceLogger(config);
  const registry = overrides.registry ?? new Registry();
  collectRuntimeMetrics(registry, { service: SERVICE, version: config.version });
  const databaseMetrics = createDatabaseMetrics(registry);
  const database = overrides.database ?? openConfiguredDatabase(config, logger, databaseMetrics);
  const users = createUserService({
    repository: database.users,
    newId: overrides.newId ?? uuidv7,
    now: overrides.now ?? (() => new Date()),
  });

  const health = createServiceHealth({
    services: [UserService.typeName],
    check: database.check,
    intervalMs: config.healthIntervalMs,
    timeoutMs: config.healthTimeoutMs,
    unreadyAfterFailures: config.healthFailures,
    logger,
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
      createRequestIdInterceptor({ returnId: config.requestIdReturned }),
      createErrorsInterceptor({ domain: SERVICE, logger }),
      createValidationInterceptor({ services: [UserService] }),
    ],
    observers: [
      createAccessLog(logger, { sampling: config.accessLogSampling }),
      createMetricsObserver(createRpcMetrics(registry)),
    ],
    protocols: [createRestTranscoder()],
    mapError: (error, call) => withIdOfCall(withErrorInfo(error, SERVICE), call),
    // Probes and tools watch for as long as they like.
    timeouts: ({ parent }) =>
      WATCHED.test(parent.typeName) ? {} : { defaultMs: config.deadlineDefaultMs, maxMs: config.deadlineCapMs },
    corsOrigins: config.corsOrigins,
    // The largest valid request is below 8 KiB.
    readMaxBytes: 64 * 1024,
    onError,
  });
  const adminServer = createAdminServer({ registry, isReady: health.isReady, logger, onError });

  async function start(signal?: AbortSignal) {
    const adminPort = await adminServer.listen({ port: config.adminPort, host: config.host });
    await prepareDatabase(config, { database, logger, signal });
    await database.warmUp();
    signal?.throwIfAborted();
    const { port } = await rpcServer.listen({ port: config.port, host: config.host });
    logger.info("listening", { port, adminPort });
    await health.start();
    return { port, adminPort };
  }

  async function stop() {
    const wasReady = health.isReady();
    health.stop();
    rpcServer.announceDrain();
    // Load balancers go on sending calls until they have noticed.
    if (wasReady) await sleep(config.drainDelayMs);
    health.close();
    const { abortedCalls } = await rpcServer.drain({ timeoutMs: config.drainTimeoutMs });
    await adminServer.close();
    const closed = database.close();
    if (abortedCalls === 0) await closed;
    else if (!(await settlesWithin(closed, ABORTED_STATEMENT_MS)))
      logger.warn("a statement of an aborted call goes on");
    logger.info("stopped", { abortedCalls });
  }

  let stopped: Promise<void> | undefined;
  return {
    start,
    close() {
      stopped ??= stop();
      return stopped;
    },
    closeTimeoutMs: config.drainDelayMs + config.drainTimeoutMs + CLOSE_MARGIN_MS,
    onFatal: (message, error) => logger.error(message, { error }),
  };
}

/**
 * Applies the migrations that the database has not seen, whatever `config.migrations` says; waits for it as `start` does.
 * Throws ExitError, MigrationError, the signal's reason.
 */
export async function migrate(config: UserServiceConfig, signal?: AbortSignal): Promise<void> {
  const logger = createServiceLogger(config);
  const database = openConfiguredDatabase(config, logger);
  try {
    await prepareDatabase({ ...config, migrations: "apply" }, { database, logger, signal });
    logger.info("the database has every migration");
  } finally {
    await database.close();
  }
}

interface Preparation {
  readonly database: Database;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
}

function prepareDatabase(config: UserServiceConfig, { database, logger, signal }: Preparation): Promise<void> {
  return startDatabase({
    check: database.check,
    prepare: () => database.prepare(config.migrations, signal),
    url: config.databaseUrl,
    waitMs: config.databaseWaitMs,
    signal,
    onWaiting: (facts) => logger.warn("waiting for the database", facts),
  });
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
