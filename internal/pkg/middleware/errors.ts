import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "#api/google/rpc/error_details_pb.ts";
import { currentRequestContext } from "#internal/pkg/call/request-context.ts";
import {
  Aborted,
  AlreadyExists,
  DeadlineExceeded,
  DomainError,
  FailedPrecondition,
  InvalidArgument,
  NotFound,
  PermissionDenied,
  ResourceExhausted,
  Unauthenticated,
  Unavailable,
} from "#internal/pkg/errors/errors.ts";
import type { Logger } from "#internal/pkg/logger/logger.ts";

export interface ErrorsOptions {
  /** Names the service in ErrorInfo.domain: reasons are unique within it. */
  readonly domain: string;
  /** Hears of unknown errors, each once, with its stack. */
  readonly logger: Logger;
}

/**
 * Turns what handlers throw into what clients may know: a DomainError into its code and details (AIP-193), anything else
 * into INTERNAL that says nothing but the request id. A ConnectError (a deadline, a shutdown, a method that is not implemented)
 * stays what it is, but that it has an ErrorInfo too.
 */
export function createErrorsInterceptor(options: ErrorsOptions): Interceptor {
  return (next) => async (request) => {
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: mapStreamErrors(response.message, options) };
    } catch (error) {
      throw toConnectError(error, options);
    }
  };
}

/** An interceptor's catch does not see what a streaming handler throws once it has begun to answer. */
async function* mapStreamErrors<T>(messages: AsyncIterable<T>, options: ErrorsOptions): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw toConnectError(error, options);
  }
}

function toConnectError(error: unknown, { domain, logger }: ErrorsOptions): ConnectError {
  if (error instanceof ConnectError) return withErrorInfo(error, domain);
  if (error instanceof DomainError) {
    return new ConnectError(error.message, codeOf(error), undefined, detailsOf(error, domain), error);
  }
  logger.error("unknown error", { error });
  const requestId = currentRequestContext()?.requestId;
  return new ConnectError(
    requestId === undefined ? "internal error" : `internal error; request id ${requestId}`,
    Code.Internal,
    undefined,
    [detail(ErrorInfoSchema, { reason: "INTERNAL", domain, metadata: requestId === undefined ? {} : { requestId } })],
    error,
  );
}

/** What says of a ConnectError's code what an error of ours would: its reason is the code's name. A copy: calls may share it. */
export function withErrorInfo(error: ConnectError, domain: string): ConnectError {
  if (error.findDetails(ErrorInfoSchema).length > 0) return error;
  const details = [detail(ErrorInfoSchema, { reason: reasonOf(error.code), domain })];
  if (error.code === Code.Unavailable && error.findDetails(RetryInfoSchema).length === 0) {
    details.push(retryInfo(RETRY_ELSEWHERE_MS));
  }
  const copy = new ConnectError(error.rawMessage, error.code, error.metadata, details, error.cause);
  copy.details.push(...error.details);
  return copy;
}

/** Another instance may answer at once; all clients of this one should not ask it at the same time. */
const RETRY_ELSEWHERE_MS = 500;

/** The ErrorInfo.reason of an error that has none of its own: `DEADLINE_EXCEEDED`. */
export function reasonOf(code: Code): string {
  return Code[code].replace(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase();
}

type DomainErrorClass = abstract new (...args: never[]) => DomainError;

/** The one table from error to status code; docs/errors.md is written from it. */
export const CODES: ReadonlyMap<DomainErrorClass, Code> = new Map<DomainErrorClass, Code>([
  [InvalidArgument, Code.InvalidArgument],
  [NotFound, Code.NotFound],
  [AlreadyExists, Code.AlreadyExists],
  [Aborted, Code.Aborted],
  [FailedPrecondition, Code.FailedPrecondition],
  [Unauthenticated, Code.Unauthenticated],
  [PermissionDenied, Code.PermissionDenied],
  [DeadlineExceeded, Code.DeadlineExceeded],
  [ResourceExhausted, Code.ResourceExhausted],
  [Unavailable, Code.Unavailable],
]);

function codeOf(error: DomainError): Code {
  for (const [errorClass, code] of CODES) if (error instanceof errorClass) return code;
  return Code.Internal;
}

type Detail = { desc: DescMessage; value: MessageInitShape<DescMessage> };

function detail<Desc extends DescMessage>(desc: Desc, value: MessageInitShape<Desc>): Detail {
  return { desc, value: value as MessageInitShape<DescMessage> };
}

function detailsOf(error: DomainError, domain: string): Detail[] {
  const { reason, metadata } = error;
  const details = [detail(ErrorInfoSchema, { reason, domain, metadata: { ...metadata } })];
  if (error instanceof InvalidArgument) {
    const fieldViolations = error.violations.map(({ field, description }) => ({ field, description }));
    details.push(detail(BadRequestSchema, { fieldViolations }));
  }
  if (error instanceof NotFound || error instanceof AlreadyExists) {
    const { type, name } = error.resource;
    details.push(detail(ResourceInfoSchema, { resourceType: type, resourceName: name }));
  }
  if (error.retryAfterMs !== undefined) details.push(retryInfo(error.retryAfterMs));
  return details;
}

function retryInfo(delayMs: number): Detail {
  return detail(RetryInfoSchema, { retryDelay: durationFromMs(delayMs) });
}
