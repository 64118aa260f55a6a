import fc from "fast-check";
import { expect, test } from "vitest";
import { refusedLicenses } from "./licenses.ts";

const isRefused = (expression: string) =>
  refusedLicenses([{ name: "it", version: "1.0.0", licenses: [{ expression }] }]).length > 0;

test.each([
  ["MIT", true],
  ["(MIT)", true],
  ["(MIT OR GPL-3.0-only)", true],
  ["MIT AND GPL-3.0-only", false],
  ["AGPL-3.0-only", false],
  ["GPL-2.0-only WITH Classpath-exception-2.0", false],
  ["MIT OR GPL-2.0-only WITH Classpath-exception-2.0", true],
  ["(MIT) WITH Classpath-exception-2.0", false],
  ["GPL-3.0-only AND (Apache-2.0 OR MIT OR ISC)", false],
  ["(GPL-3.0-only OR AGPL-3.0-only) AND (LGPL-3.0-only OR MIT)", false],
  ["(MIT OR GPL-3.0-only) AND (LGPL-3.0-only OR ISC)", true],
  ["MIT AND ((GPL-3.0-only OR (ISC AND LGPL-3.0-only)) OR 0BSD)", true],
  ["MIT OR GPL-3.0-only AND LGPL-3.0-only", true],
  ["MIT OR ISC)", false],
  ["(MIT OR ISC", false],
  ["MIT (ISC)", false],
  ["()", false],
  ["MIT OR", false],
  ["SEE LICENSE IN LICENSE.txt", false],
])("a package under %j: allowed is %s", (expression, isAllowed) => {
  const refused = refusedLicenses([{ name: "it", version: "1.0.0", licenses: [{ expression }] }]);
  expect(refused).toEqual(isAllowed ? [] : [`it 1.0.0: ${expression}`]);
});

type Tree = string | { readonly operator: "AND" | "OR"; readonly parts: readonly Tree[] };

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("MIT", "ISC", "GPL-3.0-only", "LGPL-3.0-only"),
    fc.record({
      operator: fc.constantFrom("AND" as const, "OR" as const),
      parts: fc.array(tie("tree"), { minLength: 2, maxLength: 3 }),
    }),
  ),
}));

/** Brackets are written where they are needed only. */
function print(of: Tree): string {
  if (typeof of === "string") return of;
  const parts = of.parts.map((part) =>
    of.operator === "AND" && typeof part !== "string" && part.operator === "OR" ? `(${print(part)})` : print(part),
  );
  return parts.join(` ${of.operator} `);
}

function mayChoose(of: Tree): boolean {
  if (typeof of === "string") return of === "MIT" || of === "ISC";
  return of.operator === "AND" ? of.parts.every(mayChoose) : of.parts.some(mayChoose);
}

test("any nesting of AND and OR is refused exactly when no choice in it is free of a refused licence", () => {
  const runs = { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: 20261121 };
  fc.assert(
    fc.property(tree, (of) => isRefused(print(of)) === !mayChoose(of)),
    runs,
  );
});

test("of several licences of one package each must be allowed", () => {
  const licenses = [{ license: { id: "MIT" } }, { license: { name: "GPL-3.0-only" } }];
  expect(refusedLicenses([{ name: "it", version: "1.0.0", licenses }])).toEqual(["it 1.0.0: MIT, GPL-3.0-only"]);
});

test("a package without a licence is refused", () => {
  expect(refusedLicenses([{ name: "it", version: "1.0.0", licenses: [] }])).toEqual(["it 1.0.0: none"]);
});
