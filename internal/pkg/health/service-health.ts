import { createHealth, type HealthServer } from "@grpc-service-template/grpc-health";
import { createReadiness, type ReadinessOptions } from "@grpc-service-template/service-lifecycle";
import type { Logger } from "#internal/pkg/logger/logger.ts";

export interface ServiceHealthOptions extends Omit<ReadinessOptions, "onChange"> {
  /** The full names of the RPC services: `user.v1.UserService`. */
  readonly services: readonly string[];
  readonly logger: Logger;
}

/**
 * What probes are told. Names of the gRPC health service: `""`, `readiness` and each RPC service follow the readiness, as
 * `/readyz` does; `liveness` is SERVING while the process runs; `startup` is SERVING once it has started.
 */
export interface ServiceHealth extends Pick<HealthServer, "service"> {
  isReady(): boolean;
  /** Begins to check, and has started when the first check is done. */
  start(): Promise<void>;
  /** Not ready from now on, for good; who watches hears it. */
  stop(): void;
  /** Ends the streams of those who watch. */
  close(): void;
}

export function createServiceHealth({ services, logger, ...options }: ServiceHealthOptions): ServiceHealth {
  const health = createHealth({ services: ["readiness", ...services], independent: ["liveness", "startup"] });
  health.set("liveness", "SERVING");
  const readiness = createReadiness({
    ...options,
    onChange(ready, reason) {
      health.setAll(ready ? "SERVING" : "NOT_SERVING");
      const level = ready || !(reason instanceof Error) ? "info" : "warn";
      logger.log(level, ready ? "serving" : "not serving", { ...(reason !== undefined && { reason }) });
    },
  });
  return {
    service: health.service,
    isReady: readiness.isReady,
    async start() {
      await readiness.start();
      health.set("startup", "SERVING");
    },
    stop: readiness.stop,
    close: health.close,
  };
}
