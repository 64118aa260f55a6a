// node pkg/rest-transcoder/bench/match.bench.ts [rounds]
//
// What a match costs among 10 rules and among 1,000: resources with the five standard methods each (AIP-131 to 135), whose
// paths are asked for in turn. Both are measured in turn, in one process. `ratio rest-match 10-rules`: how many times as
// long it takes among 1,000.

import { createRouter, type Router } from "../src/routing/router.ts";
import type { Binding } from "../src/rules/binding.ts";
import { parsePathTemplate } from "../src/rules/parse-path-template.ts";

const MATCHES = 1_000_000;
const REQUESTS = 1_000;
const WARM_UP_ROUNDS = 3;
const STANDARD_METHODS = ["GET /v1", "POST /v1", "GET /v1/{id}", "PATCH /v1/{id}", "DELETE /v1/{id}"];

interface Requests {
  readonly router: Router;
  readonly paths: readonly { readonly method: string; readonly path: string }[];
  readonly nanoseconds: number[];
}

const rounds = Number(process.argv[2] ?? 5);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("usage: match.bench.ts [rounds]");

const few = requestsOf(10);
const many = requestsOf(1_000);
for (let round = 0; round < WARM_UP_ROUNDS; round++) for (const each of [few, many]) measure(each);
for (let round = 0; round < rounds; round++) {
  for (const each of round % 2 === 0 ? [few, many] : [many, few]) each.nanoseconds.push(measure(each));
}

print("\nrest-match: CPU of a match, ns");
print(`  10 rules           ${spreadText(few.nanoseconds, 0)}`);
print(`  1000 rules         ${spreadText(many.nanoseconds, 0)}`);
const ratios = many.nanoseconds.map((value, round) => value / (few.nanoseconds[round] ?? Number.NaN));
print(`ratio rest-match 10-rules ${spreadText(ratios, 2)}`);

/** As many requests for few rules as for many: what it costs to walk through them is not the router's. */
function requestsOf(rules: number): Requests {
  const texts = Array.from({ length: rules }, (_, i) => ruleOf(i));
  const bindings = texts.map(({ method, template }) => bindingOf(method, template));
  const paths = Array.from({ length: REQUESTS }, (_, i) => {
    const { method, template } = ruleOf(i % rules);
    return { method, path: template.replace("{id}", "01990c5c-5d6e-7a1b-8c2d-0123456789ab") };
  });
  return { router: createRouter(bindings), paths, nanoseconds: [] };
}

function ruleOf(index: number) {
  const rule = STANDARD_METHODS[index % STANDARD_METHODS.length] ?? "";
  const [method = "", template = ""] = rule.replace("/v1", `/v1/${nameOf(index)}`).split(" ");
  return { method, template };
}

/** Of a resource: as long in either case, for a name is hashed byte by byte. */
function nameOf(rule: number): string {
  return `resource${String(Math.floor(rule / STANDARD_METHODS.length)).padStart(3, "0")}s`;
}

/** A router looks at nothing else of a binding. */
function bindingOf(httpMethod: string, template: string): Binding {
  const rpc = { name: "Rpc", parent: { typeName: "bench.v1.BenchService" } } as Binding["rpc"];
  return {
    rpc,
    httpMethod,
    template: parsePathTemplate(template),
    variables: [],
    body: undefined,
    responseBody: undefined,
  };
}

/** CPU time of a match, user and system, in nanoseconds. Every match is checked. */
function measure({ router, paths }: Requests): number {
  const before = process.cpuUsage();
  for (let i = 0; i < MATCHES; i++) {
    const { method, path } = paths[i % paths.length] as { method: string; path: string };
    if (router.match(method, path)?.kind !== "match") throw new Error(`no match for ${method} ${path}`);
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / MATCHES;
}

/** Median, least, most. */
function spreadText(values: readonly number[], digits: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  return [median, sorted[0], sorted.at(-1)].map((value) => (value ?? Number.NaN).toFixed(digits)).join(" ");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
