import type { DescMessage, Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator, type Violation } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { type FieldViolation, InvalidArgument } from "#internal/pkg/errors/errors.ts";

/** Refuses every request message that breaks the rules in its proto (protovalidate), naming all violated fields. */
export function createValidationInterceptor(validator: Validator = createValidator()): Interceptor {
  return (next) => (request) => {
    if (!request.stream) {
      assertValid(validator, request.method.input, request.message);
      return next(request);
    }
    return next({ ...request, message: validated(validator, request.method.input, request.message) });
  };
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
