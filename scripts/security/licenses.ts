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

/** An SPDX expression of ids: of `OR` one part must be allowed, of `AND` each. Exceptions (`WITH`) are for people. */
function isAllowed(expression: string): boolean {
  const bare = expression.replace(/^\((.*)\)$/, "$1");
  return bare.split(" OR ").some((part) => part.split(" AND ").every((id) => ALLOWED.has(id)));
}
