import type { Message } from "@bufbuild/protobuf";
import type { Binding } from "../rules/binding.ts";
import { badRequest, printable, type Violation } from "./bad-request.ts";
import { findRival, openMessage, setField } from "./message-fields.ts";
import { readQueryPairs } from "./query-pairs.ts";
import { createParameterResolver, type Parameter } from "./query-parameters.ts";

export interface QueryOptions {
  readonly ignoreUnknownParameters?: boolean | undefined;
  readonly maxDepth: number;
  readonly maxQueryPairs?: number | undefined;
}

/** @throws ConnectError INVALID_ARGUMENT with all that is wrong with the parameters */
export type QueryReader = (message: Message, query: string) => void;

/** Sets the fields that the query has. */
export function compileQueryReader(
  binding: Pick<Binding, "rpc" | "variables" | "body">,
  { ignoreUnknownParameters = false, maxDepth, maxQueryPairs = 1000 }: QueryOptions,
): QueryReader {
  const resolve = createParameterResolver(binding, maxDepth);
  return (message, query) => {
    if (query === "") return;
    const violations: Violation[] = [];
    const seen = new Set<string>();
    for (const { name, value } of readQueryPairs(query, maxQueryPairs)) {
      const parameter = value === undefined ? BADLY_ENCODED : resolve(name);
      if (parameter.kind === "unknown") {
        if (!ignoreUnknownParameters) violations.push({ field: printable(name), description: "unknown parameter" });
        continue;
      }
      const wrong =
        parameter.kind === "field" ? setParameter(message, parameter, value as string, seen) : parameter.description;
      if (wrong !== undefined) violations.push({ field: parameter.name ?? printable(name), description: wrong });
    }
    if (violations.length > 0) throw badRequest(violations);
  };
}

const BADLY_ENCODED = {
  kind: "refused",
  name: undefined,
  description: "is not percent-encoded UTF-8",
} as const;

/** What is wrong with it; undefined: it is set. */
function setParameter(message: Message, parameter: Parameter, text: string, seen: Set<string>): string | undefined {
  const { name, path, parents, field } = parameter;
  if (field.fieldKind !== "list") {
    if (seen.has(name)) return "can be set only once";
    seen.add(name);
  }
  const value = parameter.text.read(text);
  if (value === undefined) return text === "" ? `${parameter.text.expected}, and is empty` : parameter.text.expected;
  const rival = findRival(message, path);
  if (rival !== undefined) return `cannot be set together with ${rival}`;
  setField(openMessage(message, parents), field, value);
  return undefined;
}
