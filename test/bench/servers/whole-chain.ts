import type { RpcServerOptions } from "@grpc-service-template/rpc-server";
import { Registry } from "prom-client";
import { createLogger } from "#internal/pkg/logger/logger.ts";
import { createRpcMetrics } from "#internal/pkg/metrics/rpc-metrics.ts";
import { createAccessLog } from "#internal/pkg/middleware/access-log.ts";
import { createErrorsInterceptor, withErrorInfo } from "#internal/pkg/middleware/errors.ts";
import { createMetricsObserver } from "#internal/pkg/middleware/metrics.ts";
import { createRequestIdInterceptor, withIdOfCall } from "#internal/pkg/middleware/request-id.ts";
import { createValidationInterceptor } from "#internal/pkg/middleware/validation.ts";
import { registerUsers } from "./users.ts";

export interface Chain {
  /** When `x-request-id` stands in the answer. */
  readonly returnsRequestId: "always" | "on-error";
  /** Whether every call gets a line on standard output. */
  readonly hasAccessLog: boolean;
}

const SERVICE = "user-service";

/** What the user service runs with (internal/app/user-service/app.ts), on this benchmark's handlers. */
export function wholeChain({ returnsRequestId, hasAccessLog }: Chain): RpcServerOptions {
  const logger = createLogger({ level: "info", format: "json", service: SERVICE, version: "1.2.3" });
  const metrics = createMetricsObserver(createRpcMetrics(new Registry()));
  return {
    routes: registerUsers,
    interceptors: [
      createRequestIdInterceptor({ returnId: returnsRequestId }),
      createErrorsInterceptor({ domain: SERVICE, logger }),
      createValidationInterceptor(),
    ],
    observers: hasAccessLog ? [createAccessLog(logger), metrics] : [metrics],
    mapError: (error, call) => withIdOfCall(withErrorInfo(error, SERVICE), call),
    timeouts: () => ({ defaultMs: 30_000, maxMs: 300_000 }),
    readMaxBytes: 64 * 1024,
  };
}
