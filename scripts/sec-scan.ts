// `make sec-scan`: one line for each check, and a summary. Ends with 1 when there are findings; SEC_SCAN=strict also when a source
// could not be asked, which otherwise is only said.
import { readdirSync } from "node:fs";
import { findAdvisories } from "./security/advisories.ts";
import type { Verdict } from "./security/check.ts";
import { findDockerfileFaults, findManifestFaults } from "./security/deployment.ts";
import { findLicenses } from "./security/licenses.ts";
import { findSecrets } from "./security/secrets.ts";

const verdicts: Record<string, Verdict> = {};

check("advisories", findAdvisories("."));
check("secrets", findSecrets("."));
check("dockerfile", findDockerfileFaults("build/package/Dockerfile"));
check("manifests", findManifestFaults("deployments/kubernetes/overlays"));
for (const service of readdirSync("cmd")) check(`licences of ${service}`, findLicenses(service));
sumUp();

function check(name: string, verdict: Verdict): void {
  verdicts[name] = verdict;
  console.log(`${name}: ${describe(verdict)}`);
  if ("findings" in verdict) for (const finding of verdict.findings) console.log(`  ${finding}`);
}

function describe(verdict: Verdict): string {
  if ("unreachable" in verdict) return `cannot be reached: ${verdict.unreachable}`;
  const { length } = verdict.findings;
  return length === 0 ? "ok" : `${length} ${length === 1 ? "finding" : "findings"}`;
}

function sumUp(): void {
  const all = Object.values(verdicts);
  const found = all.flatMap((verdict) => ("findings" in verdict ? verdict.findings : [])).length;
  const unreachable = Object.keys(verdicts).filter((name) => verdicts[name] && "unreachable" in verdicts[name]);
  const notAsked = unreachable.length === 0 ? "" : `; not checked: ${unreachable.join(", ")}`;
  console.log(
    `sec-scan: ${all.length - unreachable.length} of ${all.length} checks made, findings: ${found}${notAsked}`,
  );
  if (found > 0 || (process.env.SEC_SCAN === "strict" && unreachable.length > 0)) process.exitCode = 1;
}
