import { type DescMethod, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { parse } from "yaml";
import { type HttpRule, HttpSchema } from "../gen/google/api/http_pb.ts";
import { rpcName } from "./binding.ts";
import { RuleError } from "./rule-error.ts";

const SUBJECT = "service config";

/**
 * The rules of a `google.api.Service` config, of which only `http` is read. `fully_decode_reserved_expansion` changes
 * nothing: of multi-segment variables all but `%2F` is always decoded, as the text on path templates in http.proto
 * wants it.
 *
 * @param config YAML or JSON text, or what it says as an object
 * @throws {RuleError} when it has no `http` that is a `google.api.Http`
 */
export function readServiceConfig(config: string | object): readonly HttpRule[] {
  const value: unknown = typeof config === "string" ? parseText(config) : config;
  // YAML takes a path, as most text, for a string.
  if (typeof value === "string") throw configError("it must be given as text, not a path");
  if (typeof value !== "object" || value === null || !("http" in value)) throw configError('it has no "http"');
  try {
    return fromJson(HttpSchema, value.http as JsonValue).rules;
  } catch (error) {
    throw configError(`its "http" is not a google.api.Http: ${messageOf(error)}`);
  }
}

function parseText(text: string): unknown {
  try {
    return parse(text, { logLevel: "error" });
  } catch (error) {
    throw configError(`it is neither YAML nor JSON: ${messageOf(error)}`);
  }
}

/**
 * The rule of each RPC that the config has one for; of several, the last.
 *
 * @throws {RuleError} when a selector selects nothing
 */
export function selectRules(rules: readonly HttpRule[], rpcs: readonly DescMethod[]): Map<DescMethod, HttpRule> {
  const byName = new Map(rpcs.map((rpc) => [rpcName(rpc), rpc]));
  const selected = new Map<DescMethod, HttpRule>();
  const unknown: string[] = [];
  for (const rule of rules) {
    for (const pattern of rule.selector.split(",")) {
      const found = select(pattern.trim(), byName);
      for (const rpc of found) selected.set(rpc, rule);
      if (found.length === 0) unknown.push(pattern.trim());
    }
  }
  if (unknown.length > 0) throw configError(...unknown.map((name) => `the selector "${name}" selects no RPC`));
  return selected;
}

/** Source: google/api/documentation.proto: a name, or one whose last part is `*` and stands for one part or more. */
function select(pattern: string, byName: ReadonlyMap<string, DescMethod>): DescMethod[] {
  if (pattern === "*") return [...byName.values()];
  if (pattern.endsWith(".*")) {
    const prefix = pattern.slice(0, -1);
    return [...byName].filter(([name]) => name.startsWith(prefix)).map(([, rpc]) => rpc);
  }
  const rpc = byName.get(pattern);
  return rpc === undefined ? [] : [rpc];
}

function configError(...reasons: string[]): RuleError {
  return new RuleError(reasons.map((reason) => ({ subject: SUBJECT, rule: undefined, reason })));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.trim() : String(error);
}
