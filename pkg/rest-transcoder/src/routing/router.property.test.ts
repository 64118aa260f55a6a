import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Binding } from "../rules/binding.ts";
import { findClashes } from "../rules/binding-clash.ts";
import { anyTexts, templates } from "../rules/path-template.fixture.ts";
import type { Segment } from "../rules/path-template.ts";
import { bindingFor, bindingOf } from "./router.fixture.ts";
import { createRouter, type Router } from "./router.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 20261121 };

const methods = fc.constantFrom("GET", "POST", "HEAD", "*");
const bindingSets = fc
  .array(fc.tuple(methods, templates), { maxLength: 12 })
  .map((rules) => withoutClashes(rules.map(([method, template]) => bindingFor(method, template))));

function withoutClashes(bindings: readonly Binding[]): Binding[] {
  return bindings.filter(
    (binding, index) => !bindings.slice(0, index).some((it) => findClashes([it, binding]).length > 0),
  );
}

const pathPart = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("a", "b", "c", "/a", "/b", "/c", ":a", ":b") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "%61",
      "a%2Fb",
      "a%2fb",
      "%3A",
      "%2A",
      "%25",
      "%252F",
      "%C3%A9",
      "%zz",
      "%C3",
      "/",
      "é",
      ".",
      "/..",
    ),
  },
);
const paths = fc.array(pathPart, { maxLength: 8 }).map((parts) => `/${parts.join("")}`);

/** Tries every binding, one after another, and compares all that match. */
function matchSlowly(bindings: readonly Binding[], httpMethod: string, path: string): ReturnType<Router["match"]> {
  const withVerb = bindings.flatMap((it) => (it.template.verb === undefined ? [] : (candidate(it, path) ?? [])));
  const without = bindings.flatMap((it) => (it.template.verb === undefined ? (candidate(it, path) ?? []) : []));
  const found = withVerb.length > 0 ? withVerb : without;
  if (found.length === 0) return undefined;
  const byMethod = (it: string) => [it, ...(it === "HEAD" ? ["GET"] : []), "*"];
  const callable = found.filter(({ binding }) => byMethod(httpMethod).includes(binding.httpMethod));
  const [best] = callable.sort(
    (a, b) =>
      compare(a.rank, b.rank) ||
      byMethod(httpMethod).indexOf(a.binding.httpMethod) - byMethod(httpMethod).indexOf(b.binding.httpMethod),
  );
  if (best === undefined) {
    const allow = new Set(found.flatMap(({ binding: { httpMethod: it } }) => (it === "GET" ? [it, "HEAD"] : [it])));
    return { kind: "wrong-method", allow: [...allow].sort() };
  }
  if (/[^!-~]/.test(path)) return expect.objectContaining({ kind: "bad-path" });
  if (decode(path) === undefined) return expect.objectContaining({ kind: "bad-path" });
  return { kind: "match", binding: best.binding, values: best.values };
}

interface Candidate {
  binding: Binding;
  /** By segment: 0 for a literal, 1 for `*`, 2 for `**`; what ends comes before what goes on. */
  rank: number[];
  values: string[];
}

function candidate(binding: Binding, path: string): Candidate | undefined {
  const { segments, verb, variables } = binding.template;
  let text = path;
  if (verb !== undefined) {
    const [, before, found] = /^(.*):([^:/]+)$/s.exec(path) ?? [];
    if (before === undefined || decode(found ?? "") !== verb) return undefined;
    text = before;
  }
  const parts = text === "/" ? [] : text.slice(1).split("/");
  const isDeep = segments.at(-1)?.kind === "**";
  const fixed = isDeep ? segments.slice(0, -1) : segments;
  if (isDeep ? parts.length < fixed.length : parts.length !== fixed.length) return undefined;
  if (!fixed.every((segment, index) => takes(segment, parts[index] ?? ""))) return undefined;
  const values = variables.map(({ start, end, isMulti }) => {
    const taken = parts.slice(start, isDeep && end === segments.length ? undefined : end);
    const decodePart = (part: string) =>
      isMulti ? part.replace(/(%2f)|((?!%2f).)+/gi, (it, slash) => slash ?? decode(it)) : decode(part);
    return taken.map(decodePart).join("/");
  });
  return { binding, rank: segments.map(({ kind }) => ["literal", "*", "**"].indexOf(kind)), values };
}

function takes(segment: Segment, part: string): boolean {
  return segment.kind === "literal" ? decode(part) === segment.text : part !== "";
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((rank, at) => rank !== b[at]);
  return index < 0 ? a.length - b.length : (a[index] ?? -1) - (b[index] ?? -1);
}

describe("the router", () => {
  test("matches as trying every binding does", () => {
    fc.assert(
      fc.property(
        bindingSets,
        fc.array(fc.tuple(methods, paths), { minLength: 20, maxLength: 20 }),
        (bindings, requests) => {
          const router = createRouter(bindings);
          for (const [httpMethod, path] of requests) {
            expect(router.match(httpMethod, path)).toEqual(matchSlowly(bindings, httpMethod, path));
          }
        },
      ),
      parameters,
    );
  });

  test("never throws, whatever the path", () => {
    fc.assert(
      fc.property(bindingSets, anyTexts, fc.string(), (bindings, path, httpMethod) => {
        const router = createRouter([...bindings, bindingOf("GET /deep/{name=**}")]);
        expect(router.match("GET", `/deep/${path}`)).toBeDefined();
        router.match(httpMethod, path);
      }),
      parameters,
    );
  });
});

describe("hostile paths take bounded time", () => {
  /** Every way through a and * at 8 segments: a path of a's that ends nowhere meets all of them. */
  const branches = Array.from({ length: 256 }, (_, bits) =>
    Array.from({ length: 8 }, (_, at) => ((bits >> at) & 1 ? "/a" : "/*")).join(""),
  );
  const router = createRouter(
    ["GET /v1/{name=**}", "GET /w/{id}", ...branches.map((it) => `GET ${it}/end`)].map(bindingOf),
  );

  test.each([
    ["10,000 segments", `/v1${"/a".repeat(10_000)}`],
    ["10,000 empty segments", `/v1${"/".repeat(10_000)}`],
    ["many colons", `/v1/${":".repeat(30_000)}`],
    ["many escapes", `/w/${"%2F".repeat(10_000)}`],
    ["many escapes in many segments", `/v1/${"%2F%2f/".repeat(5_000)}`],
    ["many percent signs", `/w/${"%".repeat(30_000)}`],
    ["lone surrogates", `/w/${"\ud800".repeat(30_000)}`],
    ["NULs", `/v1/${"\0".repeat(30_000)}`],
    ["a way that always ends in vain", "/a/a/a/a/a/a/a/a/a"],
    ["a way that always ends in vain, in escapes", `${`/${"%61".repeat(1_000)}`.repeat(8)}/a`],
  ])("%s", (_, path) => {
    const startMs = performance.now();
    for (let run = 0; run < 10; run++) router.match("GET", path);
    // Takes a few ms; what grows with the square of the length, or worse, would take seconds.
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});
