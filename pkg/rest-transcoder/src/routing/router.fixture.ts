import type { Binding } from "../rules/binding.ts";
import { parsePathTemplate } from "../rules/parse-path-template.ts";
import type { PathTemplate } from "../rules/path-template.ts";

/** Of `GET /v1/{id}`. A router looks at nothing else of a binding. */
export function bindingOf(rule: string): Binding {
  const [httpMethod = "", path = ""] = rule.split(" ");
  return bindingFor(httpMethod, parsePathTemplate(path), rule);
}

export function bindingFor(httpMethod: string, template: PathTemplate, name = "Rpc"): Binding {
  const rpc = { name, parent: { typeName: "test.v1.TestService" } } as Binding["rpc"];
  return { rpc, httpMethod, template, variables: [], body: undefined, responseBody: undefined };
}
