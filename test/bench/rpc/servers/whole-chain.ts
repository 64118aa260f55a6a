import type { Interceptor } from "@connectrpc/connect";
import type { RpcServerOptions } from "@grpc-service-template/rpc-server";
import { Registry } from "prom-client";
import { createLogger } from "#internal/pkg/logger/logger.ts";
import { createRpcMetrics } from "#internal/pkg/metrics/rpc-metrics.ts";
import { createAccessLog } from "#internal/pkg/middleware/access-log.ts";
import { createDeadlineInterceptor } from "#internal/pkg/middleware/deadline.ts";
import { createErrorsInterceptor } from "#internal/pkg/middleware/errors.ts";
import { createMetricsObserver } from "#internal/pkg/middleware/metrics.ts";
import { createObserveInterceptor } from "#internal/pkg/middleware/observe.ts";
import { createRequestIdInterceptor } from "#internal/pkg/middleware/request-id.ts";
import { createValidationInterceptor } from "#internal/pkg/middleware/validation.ts";
import { registerUsers } from "./users.ts";

export interface Chain {
  /** When `x-request-id` stands in the answer. */
  readonly returnsRequestId: "always" | "on error";
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
      ...(returnsRequestId === "always" ? [] : [withoutRequestId]),
      createRequestIdInterceptor(),
      createDeadlineInterceptor({ defaultMs: 30_000, capMs: 300_000 }),
      createObserveInterceptor(hasAccessLog ? [createAccessLog(logger), metrics] : [metrics]),
      createErrorsInterceptor({ domain: SERVICE, logger }),
      createValidationInterceptor(),
    ],
    readMaxBytes: 64 * 1024,
  };
}

/** Until the request id interceptor has an option for it: the answer comes without the id. */
const withoutRequestId: Interceptor = (next) => async (request) => {
  const response = await next(request);
  response.header.delete("x-request-id");
  return response;
};
