import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { didNotRun, run, type Verdict } from "./check.ts";

/** Faults of an image's Dockerfile, by hadolint. */
export function findDockerfileFaults(file: string): Verdict {
  const outcome = run("hadolint", ["--format=json", "-"], { input: readFileSync(file, "utf8") });
  if (outcome.code !== 0 && outcome.code !== 1) return didNotRun("hadolint", outcome);
  const faults: readonly { line: number; code: string; message: string }[] = JSON.parse(outcome.stdout);
  return { findings: faults.map(({ line, code, message }) => `${file}:${line}: ${code} ${message}`) };
}

/** Faults of what each overlay in `folder` applies, by kube-score, with the one exception that `make test-manifests` gives a reason for. */
export function findManifestFaults(folder: string): Verdict {
  const findings: string[] = [];
  for (const overlay of readdirSync(folder)) {
    const built = run("kubectl", ["kustomize", join(folder, overlay)]);
    const manifests = built.code === undefined ? run("kustomize", ["build", join(folder, overlay)]) : built;
    if (manifests.code !== 0) return didNotRun("kubectl kustomize", manifests);
    const score = run("kube-score", ["score", "--ignore-container-cpu-limit", "--output-format=ci", "-"], {
      input: manifests.stdout,
    });
    if (score.code === undefined || !score.stdout.includes("[OK]")) return didNotRun("kube-score", score);
    const faults = score.stdout.split("\n").filter((line) => /^\[(WARNING|CRITICAL)\]/.test(line));
    findings.push(...faults.map((fault) => `${overlay}: ${fault}`));
  }
  return { findings };
}
