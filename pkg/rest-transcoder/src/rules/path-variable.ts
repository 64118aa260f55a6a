import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** Messages whose JSON is one string, number or boolean. Source: as in grpc-gateway and vanguard-go. */
const SCALAR_MESSAGES = new Set(
  [
    "Timestamp",
    "Duration",
    "FieldMask",
    ...["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"].map((it) => `${it}Value`),
  ].map((name) => `google.protobuf.${name}`),
);

export interface ResolvedVariable {
  /** As far as they are known. */
  readonly fields: readonly DescField[];
  /** Why a path cannot set it. */
  readonly problem: string | undefined;
}

/** Follows proto names from the request message. Source: http.proto: no repeated fields, no maps, no messages. */
export function resolveVariable(request: DescMessage, fieldPath: readonly string[]): ResolvedVariable {
  const path = fieldPath.join(".");
  const fields: DescField[] = [];
  const problem = (reason: string) => ({ fields, problem: `the variable "${path}": ${reason}` });
  let message: DescMessage | undefined = request;
  for (const name of fieldPath) {
    if (message === undefined) return problem(`"${fields.at(-1)?.name}" is not a message`);
    const field: DescField | undefined = message.fields.find((it) => it.name === name);
    if (field === undefined) return problem(`${message.typeName} has no field "${name}"`);
    fields.push(field);
    if (field.fieldKind === "list") return problem(`"${name}" is repeated`);
    if (field.fieldKind === "map") return problem(`"${name}" is a map`);
    message = field.message;
  }
  if (message !== undefined && !SCALAR_MESSAGES.has(message.typeName)) return problem(`"${path}" is a message`);
  return { fields, problem: undefined };
}

/** Fields that would be set twice: by two variables, or by a variable and the body. */
export function findConflicts(
  variables: readonly (readonly DescField[])[],
  body: DescField | "*" | undefined,
): string[] {
  const reasons: string[] = [];
  for (const [index, variable] of variables.entries()) {
    for (const earlier of variables.slice(0, index)) {
      const conflict = conflictOf(earlier, variable);
      if (conflict === undefined) continue;
      const [one, other] = [print(earlier), print(variable)];
      reasons.push(
        one === other ? `the variable "${one}" occurs twice` : `the variables "${one}" and "${other}" ${conflict}`,
      );
    }
    if (body === undefined || body === "*") continue;
    // A variable within the body's field is usual: `/v1/{book.name=books/*}` with the body `book`. Source: AIP-134.
    const conflict = variable.length > 1 && variable[0] === body ? undefined : conflictOf([body], variable);
    if (conflict !== undefined)
      reasons.push(`the body "${body.name}" and the variable "${print(variable)}" ${conflict}`);
  }
  return reasons;
}

/** Where the two ways part, or that they do not. */
function conflictOf(left: readonly DescField[], right: readonly DescField[]): string | undefined {
  const depth = left.findIndex((field, index) => field !== right[index]);
  const [one, other] = [left[depth], right[depth]];
  if (one === undefined || other === undefined) return "set the same field";
  return one.oneof !== undefined && one.oneof === other.oneof ? `are of one oneof, "${one.oneof.name}"` : undefined;
}

function print(fields: readonly DescField[]): string {
  return fields.map(({ name }) => name).join(".");
}
