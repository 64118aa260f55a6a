import type { DescField, DescMessage, DescMethod } from "@bufbuild/protobuf";
import type { HttpRule } from "../gen/google/api/http_pb.ts";
import type { Binding } from "./binding.ts";
import { parsePathTemplate, TemplateError } from "./parse-path-template.ts";
import type { PathTemplate } from "./path-template.ts";
import { findConflicts, resolveVariable } from "./path-variable.ts";

/** RFC 9110, 5.6.2 */
const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/;

/** They differ by case, so `get` would be a method that nobody sends. Source: RFC 9110, 9.1 and 9.3; RFC 5789. */
const STANDARD_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]);

/** In place of a template that is wrong, so that the rest of the rule is checked too. */
const ROOT: PathTemplate = { segments: [], verb: undefined, variables: [] };

/** The rule without its additional bindings; or all reasons why it is none. */
export function compileRule(rpc: DescMethod, rule: HttpRule): { binding: Binding | undefined; reasons: string[] } {
  const reasons: string[] = [];
  const attempt = <T>(run: () => T, otherwise: T): T => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof Reason || error instanceof TemplateError)) throw error;
      reasons.push(error.message);
      return otherwise;
    }
  };
  const { httpMethod, path } = attempt(() => patternOf(rule), { httpMethod: "", path: "/" });
  const template = attempt(() => parsePathTemplate(path), ROOT);
  const resolved = template.variables.map(({ fieldPath }) => resolveVariable(rpc.input, fieldPath));
  reasons.push(...resolved.flatMap(({ problem }) => problem ?? []));
  const variables = resolved.filter(({ problem }) => problem === undefined).map(({ fields }) => fields);
  const body = attempt(() => bodyOf(rpc, rule, httpMethod), undefined);
  const responseBody = attempt(() => topLevelField(rpc.output, rule.responseBody, "response_body"), undefined);
  reasons.push(...findConflicts(variables, body));
  const binding = { rpc, httpMethod, template, variables, body, responseBody };
  return { binding: reasons.length === 0 ? binding : undefined, reasons };
}

class Reason extends Error {}

/** For messages: `GET /v1/users/{id}`. */
export function printPattern({ pattern }: HttpRule): string | undefined {
  if (pattern.case === undefined) return undefined;
  if (pattern.case === "custom") return `${pattern.value.kind} ${pattern.value.path}`;
  return `${pattern.case.toUpperCase()} ${pattern.value}`;
}

function patternOf({ pattern }: HttpRule): { httpMethod: string; path: string } {
  if (pattern.case === undefined)
    throw new Reason("the rule has no pattern: no get, put, post, delete, patch or custom");
  if (pattern.case !== "custom") return { httpMethod: pattern.case.toUpperCase(), path: pattern.value };
  const { kind, path } = pattern.value;
  if (!TOKEN.test(kind)) throw new Reason('the kind of a custom pattern is an HTTP method, or "*" for any');
  const inCapitals = kind.toUpperCase();
  if (kind !== inCapitals && STANDARD_METHODS.has(inCapitals))
    throw new Reason(`custom kinds of the standard methods are written in capitals: "${inCapitals}"`);
  return { httpMethod: kind, path };
}

function bodyOf(rpc: DescMethod, { body }: HttpRule, httpMethod: string): DescField | "*" | undefined {
  // Browsers' fetch cannot send it, and it means nothing. Source: RFC 9110, 9.3.1 and 9.3.2; AIP-127.
  if (body !== "" && (httpMethod === "GET" || httpMethod === "HEAD")) throw new Reason(`${httpMethod} takes no body`);
  return body === "*" ? body : topLevelField(rpc.input, body, "body");
}

/** Source: http.proto, "the referred field must be present at the top-level of the … message type". */
function topLevelField(message: DescMessage, name: string, of: "body" | "response_body"): DescField | undefined {
  if (name === "") return undefined;
  if (name.includes(".")) throw new Reason(`${of} names a field of the message itself, not "${name}" within one`);
  const found = message.fields.find((field) => field.name === name);
  if (found === undefined) throw new Reason(`${of}: ${message.typeName} has no field "${name}"`);
  return found;
}
