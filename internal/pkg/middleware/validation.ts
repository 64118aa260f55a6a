import { create, type DescMessage, type DescService, type Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator, type Violation } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { type FieldViolation, InvalidArgument } from "#internal/pkg/errors/errors.ts";

export interface ValidationOptions {
  /** Whose rules are compiled at once, in some 80 ms: else their first calls wait for that. Default: none. */
  readonly services?: readonly DescService[];
  /** Default: protovalidate's. */
  readonly validator?: Validator;
}

/**
 * Refuses every request message that breaks the rules in its proto (protovalidate), naming all violated fields.
 *
 * @throws Error naming the message of `services` that has a rule which cannot be evaluated, though any client may send it empty.
 */
export function createValidationInterceptor(options: ValidationOptions = {}): Interceptor {
  const { services = [], validator = createValidator() } = options;
  for (const { methods } of services) for (const { input } of methods) compileRules(validator, input);
  return (next) => (request) => {
    if (!request.stream) {
      assertValid(validator, request.method.input, request.message);
      return next(request);
    }
    return next({ ...request, message: validated(validator, request.method.input, request.message) });
  };
}

/** protovalidate compiles rules when they are first asked for; some faults, as a misspelt name, show in an evaluation only. */
function compileRules(validator: Validator, schema: DescMessage): void {
  const { error, kind } = validator.validate(schema, create(schema));
  if (kind !== "error") return;
  throw new Error(`a rule of ${schema.typeName} cannot be evaluated: ${error.message}`, { cause: error });
}

async function* validated<T extends Message>(validator: Validator, schema: DescMessage, messages: AsyncIterable<T>) {
  for await (const message of messages) {
    assertValid(validator, schema, message);
    yield message;
  }
}

/** @throws InvalidArgument; whatever protovalidate throws when a rule itself is broken */
function assertValid(validator: Validator, schema: DescMessage, message: Message): void {
  const result = validator.validate(schema, message);
  if (result.kind === "valid") return;
  if (result.kind === "error") throw result.error;
  throw new InvalidArgument(result.violations.map(toFieldViolation));
}

/**
 * A rule about a nested field can only stand on the field around it, where protovalidate reports it. Named
 * "<field path>.<rule>", it is reported for the field that it is about.
 */
function toFieldViolation({ field, ruleId, message }: Violation): FieldViolation {
  const path = pathToString(field);
  const isAboutNested = path !== "" && ruleId.startsWith(`${path}.`);
  return { field: isAboutNested ? ruleId.slice(0, ruleId.lastIndexOf(".")) : path, description: message };
}
