/**
 * The taxonomy of errors that every layer may throw. Each class stands for one gRPC status code; the errors interceptor
 * (internal/pkg/middleware/errors.ts) is the only place that translates it. A service names its own reasons in its
 * model/errors.ts. Whatever is not one of these is a defect and reaches the client as INTERNAL without its text.
 */
export interface ErrorOptions {
  /** Identifies the cause for programs, in UPPER_SNAKE_CASE, unique within the service (AIP-193, ErrorInfo.reason). */
  readonly reason: string;
  /** Says to a developer, in English, what is wrong and what to do. Reaches the client: no secrets, no internals. */
  readonly message: string;
  /** Further facts for programs (ErrorInfo.metadata). Reaches the client. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Where the same may succeed later: how long a client should wait before it tries again, in milliseconds (RetryInfo). */
  readonly retryAfterMs?: number;
  /** What led to it. Logged where the error is logged, never sent. */
  readonly cause?: unknown;
}

export abstract class DomainError extends Error {
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;

  constructor({ reason, message, metadata = {}, retryAfterMs, cause }: ErrorOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.reason = reason;
    this.metadata = metadata;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One wrong field of a request. */
export interface FieldViolation {
  /** The path to the field in the request message, in the names of the proto: `user.email`. */
  readonly field: string;
  /** What is wrong with its value. */
  readonly description: string;
}

/** The request is wrong whatever the state of the system: it can never succeed as it is. The message lists the violations. */
export class InvalidArgument extends DomainError {
  readonly violations: readonly FieldViolation[];

  constructor(
    violations: readonly FieldViolation[],
    options: { readonly reason?: string; readonly cause?: unknown } = {},
  ) {
    const message = violations
      .map(({ field, description }) => (field ? `${field}: ${description}` : description))
      .join("; ");
    super({ reason: "INVALID_REQUEST", message, ...options });
    this.violations = violations;
  }
}

/** What an error is about. */
export interface Resource {
  /** The resource's message type: `user.v1.User`. */
  readonly type: string;
  /** Its id, or what else it was looked up by. */
  readonly name: string;
}

abstract class ResourceError extends DomainError {
  readonly resource: Resource;

  constructor(options: ErrorOptions & { readonly resource: Resource }) {
    super(options);
    this.resource = options.resource;
  }
}

/** There is no such resource. */
export class NotFound extends ResourceError {}

/** There is already a resource with this key. */
export class AlreadyExists extends ResourceError {}

/** Somebody else changed the state in between: read again, then try again at a higher level. */
export class Aborted extends DomainError {}

/** The system is not in the state that the request needs: it succeeds once somebody has changed that. */
export class FailedPrecondition extends DomainError {}

/** The caller is unknown. */
export class Unauthenticated extends DomainError {}

/** The caller is known and may not do this. */
export class PermissionDenied extends DomainError {}

/** The time the call had is over. */
export class DeadlineExceeded extends DomainError {}

abstract class RetryableError extends DomainError {
  declare readonly retryAfterMs: number;

  constructor(options: ErrorOptions & { readonly retryAfterMs: number }) {
    super(options);
  }
}

/** A quota is used up. */
export class ResourceExhausted extends RetryableError {}

/** Something that the service needs does not answer. */
export class Unavailable extends RetryableError {}
