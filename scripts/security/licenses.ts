import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { didNotRun, run, type Verdict } from "./check.ts";

/** Permissive: they ask for their notice, which dist/licenses.txt gives. Any other wants a decision, and its reason here. */
const ALLOWED = new Set(["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"]);

interface Component {
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly { readonly expression?: string; readonly license?: { id?: string; name?: string } }[];
}

/** Packages of which a service's bundle holds code, and whose licence is not one of the permissive ones. */
export function findLicenses(service: string): Verdict {
  const folder = mkdtempSync(join(tmpdir(), "sec-scan-"));
  try {
    const outcome = run(process.execPath, ["build/package/sbom.ts", service, folder]);
    if (outcome.code !== 0) return didNotRun("build/package/sbom.ts", outcome);
    return { findings: refusedLicenses(JSON.parse(readFileSync(join(folder, "sbom.cdx.json"), "utf8")).components) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of the components of a CycloneDX bill of materials. */
export function refusedLicenses(components: readonly Component[]): string[] {
  return components.flatMap(({ name, version, licenses = [] }) => {
    const ids = licenses.map(({ expression, license }) => expression ?? license?.id ?? license?.name ?? "unknown");
    return ids.length > 0 && ids.every(isAllowed) ? [] : [`${name} ${version}: ${ids.join(", ") || "none"}`];
  });
}

/**
 * An SPDX expression: of `OR` one part must be allowed, of `AND` each, and `AND` binds tighter. Exceptions (`WITH`) are for
 * people, and so is what is no expression at all. Source: https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions
 */
function isAllowed(expression: string): boolean {
  // Brackets go from the inside out: a pair without others in it becomes a word that stands for what it comes to.
  const outer = expression.replaceAll(/\(([^()]*)\)/g, (_, inner: string) =>
    isAllowed(inner) ? " MIT " : " refused ",
  );
  if (outer !== expression) return isAllowed(outer);
  if (/[()]/.test(expression)) return false;
  return expression.split(/\sOR\s/).some((part) => part.split(/\sAND\s/).every((id) => ALLOWED.has(id.trim())));
}
