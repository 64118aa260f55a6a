import { Code, type ConnectError } from "@connectrpc/connect";
import { DomainError } from "#internal/pkg/errors/errors.ts";
import type { Logger } from "#internal/pkg/logger/logger.ts";
import { codeName } from "./code-name.ts";
import type { CallObserver } from "./observe.ts";

/** Codes that say the service failed, not its caller. */
const SERVER_FAULTS: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** Probes call these all the time, and watch them until the service stops: worth a line at level debug only. */
const QUIET_SERVICES: ReadonlySet<string> = new Set(["grpc.health.v1.Health"]);

/**
 * Writes one line a call, when it ends: level error, with their cause, for the service's own faults, debug for
 * probes, else info.
 */
export function createAccessLog(logger: Logger): CallObserver {
  return {
    end(call, error) {
      const level = QUIET_SERVICES.has(call.service) ? "debug" : levelOf(error);
      logger.log(level, "call", {
        rpc: `${call.service}/${call.method}`,
        protocol: call.protocol,
        code: codeName(error?.code),
        durationMs: Math.round((performance.now() - call.startedMs) * 1000) / 1000,
        ...(error && { error: error.rawMessage }),
        ...(level === "error" && error?.cause instanceof DomainError && { cause: error.cause.cause }),
      });
    },
  };
}

function levelOf(error: ConnectError | undefined): "error" | "info" {
  return error && SERVER_FAULTS.has(error.code) ? "error" : "info";
}
