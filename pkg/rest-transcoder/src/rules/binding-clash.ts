import { type Binding, rpcName } from "./binding.ts";
import { printPathTemplate } from "./print-path-template.ts";
import type { RuleProblem } from "./rule-error.ts";

/** Bindings that match exactly the requests of one before them: which of them is called would be chance. */
export function findClashes(bindings: Iterable<Binding>): RuleProblem[] {
  const owners = new Map<string, Binding>();
  const problems: RuleProblem[] = [];
  for (const binding of bindings) {
    const requests = requestsOf(binding);
    const owner = owners.get(requests);
    if (owner === undefined) owners.set(requests, binding);
    else problems.push(clash(owner, binding));
  }
  return problems;
}

/** The same text for two bindings that match the same requests: variables and their names do not matter. */
function requestsOf({ httpMethod, template }: Binding): string {
  return `${httpMethod} ${printPathTemplate({ ...template, variables: [] })}`;
}

function clash(owner: Binding, binding: Binding): RuleProblem {
  return {
    subject: rpcName(binding.rpc),
    rule: printRule(binding),
    reason: `matches the same requests as ${printRule(owner)} of ${rpcName(owner.rpc)}`,
  };
}

function printRule({ httpMethod, template }: Binding): string {
  return `${httpMethod} ${printPathTemplate(template)}`;
}
