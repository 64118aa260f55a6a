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

export interface AccessLogOptions {
  /** The share of successful calls that get a line, 0 to 1, which is the default. Calls that fail always get theirs. */
  readonly sampling?: number;
  /** Chooses them: gives numbers from 0 to below 1. */
  readonly random?: () => number;
}

/**
 * Writes one line a call, when it ends: level error, with their cause, for the service's own faults, debug for
 * probes, else info. A line that stands for others too, since they are sampled, says its share: `sampling: 0.1`.
 */
export function createAccessLog(
  logger: Logger,
  { sampling = 1, random = Math.random }: AccessLogOptions = {},
): CallObserver {
  return {
    end(call, error) {
      const level = QUIET_SERVICES.has(call.service) ? "debug" : levelOf(error);
      const isSampled = !error && sampling < 1;
      if (!logger.isLevelEnabled(level) || (isSampled && random() >= sampling)) return;
      logger.log(level, "call", {
        rpc: `${call.service}/${call.method}`,
        protocol: call.protocol,
        code: codeName(error?.code),
        durationMs: Math.round((performance.now() - call.startedMs) * 1000) / 1000,
        ...(isSampled && { sampling }),
        ...(error && { error: error.rawMessage }),
        ...(level === "error" && error?.cause instanceof DomainError && { cause: error.cause.cause }),
      });
    },
  };
}

function levelOf(error: ConnectError | undefined): "error" | "info" {
  return error && SERVER_FAULTS.has(error.code) ? "error" : "info";
}
