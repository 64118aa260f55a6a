import fc from "fast-check";
import type { PathTemplate, PathVariable, Segment } from "./path-template.ts";

/** Few, so that templates and paths made of them meet. */
const texts = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("a", "b", "c") },
  { weight: 1, arbitrary: fc.constantFrom("a/b", "a:b", "*", "é", "%", "%2F", ".", "..") },
);
const segment: fc.Arbitrary<Segment> = fc.oneof(
  texts.map((text) => ({ kind: "literal", text }) as const),
  fc.constant({ kind: "*" } as const),
);
const verbs = fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary: texts });

/** Templates with segments and verbs that many share; their variables are `v0`, `v1`, …. */
export const templates: fc.Arbitrary<PathTemplate> = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean(), verbs, fc.array(fc.nat({ max: 3 }), { maxLength: 4 }))
  .map(([before, isDeep, verb, lengths]) => {
    const segments: Segment[] = isDeep ? [...before, { kind: "**" }] : before;
    return { segments, verb: segments.length === 0 ? undefined : verb, variables: variablesIn(segments, lengths) };
  });

/** Of each length in turn; 0 leaves a segment out. */
function variablesIn(segments: readonly Segment[], lengths: readonly number[]): PathVariable[] {
  const variables: PathVariable[] = [];
  let start = 0;
  for (const length of lengths) {
    const end = start + Math.max(length, 1);
    if (end > segments.length) break;
    const isMulti = length > 1 || segments[start]?.kind !== "*";
    if (length > 0) variables.push({ fieldPath: [`v${variables.length}`], start, end, isMulti });
    start = end;
  }
  return variables;
}

/** Texts of any UTF-16 units: control characters and lone surrogates are among them. */
export const anyTexts = fc.string({ unit: fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code)) });
