import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { http } from "../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../gen/google/api/http_pb.ts";
import { type Binding, rpcName } from "./binding.ts";
import { findClashes } from "./binding-clash.ts";
import { compileRule, printPattern } from "./compile-rule.ts";
import { RuleError, type RuleProblem } from "./rule-error.ts";
import { readServiceConfig, selectRules } from "./service-config.ts";

export interface BindingOptions {
  /** The RPCs that may be called. One that has no rule has no binding. */
  readonly methods: Iterable<DescMethod>;
  /**
   * A `google.api.Service` config: YAML or JSON text, or an object. Of it `http` is read, by proto names or JSON names.
   * Its rules replace the annotations of the RPCs that they select; of several for one RPC, the last is taken.
   */
  readonly serviceConfig?: string | object;
}

/**
 * All ways of HTTP to call these RPCs: of each its rule and then its additional bindings, checked against its messages.
 * Source: google/api/http.proto.
 *
 * @throws {RuleError} with every mistake: what is no template, fields that do not exist or cannot be where they are,
 *   bindings that match exactly the same requests. When the service config itself is wrong, with its mistakes alone.
 */
export function readBindings({ methods, serviceConfig }: BindingOptions): readonly Binding[] {
  const rpcs = [...new Set(methods)];
  const configured = serviceConfig === undefined ? undefined : selectRules(readServiceConfig(serviceConfig), rpcs);
  const bindings: Binding[] = [];
  const problems: RuleProblem[] = [];
  for (const rpc of rpcs) {
    const rule = configured?.get(rpc) ?? annotationOf(rpc);
    for (const each of rule === undefined ? [] : [rule, ...rule.additionalBindings]) {
      const { binding, reasons } = compileRule(rpc, each);
      if (each !== rule && each.additionalBindings.length > 0) {
        reasons.push("an additional binding has additional bindings itself");
      }
      problems.push(...reasons.map((reason) => ({ subject: rpcName(rpc), rule: printPattern(each), reason })));
      if (binding !== undefined) bindings.push(binding);
    }
  }
  problems.push(...findClashes(bindings));
  if (problems.length > 0) throw new RuleError(problems);
  return bindings;
}

function annotationOf(rpc: DescMethod): HttpRule | undefined {
  return hasOption(rpc, http) ? getOption(rpc, http) : undefined;
}
