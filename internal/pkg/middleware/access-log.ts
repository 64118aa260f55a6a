import { Code, type ConnectError } from "@connectrpc/connect";
import type { CallObserver } from "@grpc-service-template/rpc-server";
import { DomainError } from "#internal/pkg/errors/errors.ts";
import type { Logger } from "#internal/pkg/logger/logger.ts";
import { codeName } from "./code-name.ts";
import { requestIdOf } from "./request-id.ts";

/**
 * As go-grpc-middleware's logging has it: defects are errors, what operators may have to look at are warnings. But for
 * UNIMPLEMENTED, which anybody can cause who asks for what is not there.
 */
const ERRORS: ReadonlySet<Code> = new Set([Code.Unknown, Code.Internal, Code.DataLoss]);
const WARNINGS: ReadonlySet<Code> = new Set([
  Code.DeadlineExceeded,
  Code.PermissionDenied,
  Code.ResourceExhausted,
  Code.FailedPrecondition,
  Code.Aborted,
  Code.OutOfRange,
  Code.Unavailable,
]);

/** Probes and tools call these all the time, and watch them until the service stops: a line at level debug only. */
const QUIET_SERVICES = /^grpc\.(health|reflection)\./;

export interface AccessLogOptions {
  /** The share of successful calls that get a line, 0 to 1, which is the default. Calls that fail always get theirs. */
  readonly sampling?: number;
  /** Chooses them: gives numbers from 0 to below 1. */
  readonly random?: () => number;
}

/**
 * Writes one line a call, when it ends, at the level that its code deserves. A line that stands for others too, since they are sampled, says its share: `sampling: 0.1`.
 */
export function createAccessLog(
  logger: Logger,
  { sampling = 1, random = Math.random }: AccessLogOptions = {},
): CallObserver {
  return {
    end(call, error) {
      const level = QUIET_SERVICES.test(call.service) ? "debug" : levelOf(error);
      const isSampled = !error && sampling < 1;
      if (!logger.isLevelEnabled(level) || (isSampled && random() >= sampling)) return;
      const line: Record<string, unknown> = {
        // A field, and not from the context, which a call that was refused has none of. Undefined is left out.
        requestId: requestIdOf(call),
        rpc: `${call.service}/${call.method}`,
        protocol: call.protocol,
        httpVersion: call.httpVersion,
        peer: call.peer,
        code: codeName(error?.code),
        durationMs: Math.round((performance.now() - call.startedMs) * 1000) / 1000,
      };
      if (isSampled) line.sampling = sampling;
      if (error) line.error = error.rawMessage;
      if (level !== "info" && error?.cause instanceof DomainError) line.cause = error.cause.cause;
      logger.log(level, "call", line);
    },
  };
}

function levelOf(error: ConnectError | undefined): "error" | "warn" | "info" {
  if (!error) return "info";
  if (ERRORS.has(error.code)) return "error";
  return WARNINGS.has(error.code) ? "warn" : "info";
}
