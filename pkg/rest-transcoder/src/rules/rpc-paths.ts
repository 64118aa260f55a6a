import { type Binding, rpcName } from "./binding.ts";
import { printPathTemplate } from "./print-path-template.ts";
import type { RuleProblem } from "./rule-error.ts";

/** The bindings that could never be called: their path is that of an RPC, which goes before rules. */
export function findUnreachable(bindings: Iterable<Binding>, rpcPaths: ReadonlySet<string>): RuleProblem[] {
  const problems: RuleProblem[] = [];
  for (const { rpc, httpMethod, template } of bindings) {
    const path = printPathTemplate(template);
    if (!rpcPaths.has(path)) continue;
    problems.push({ subject: rpcName(rpc), rule: `${httpMethod} ${path}`, reason: "the path is that of an RPC" });
  }
  return problems;
}
