import { run, type Verdict } from "./check.ts";

/** npm's report, or the error that it prints in its place. */
interface AuditReport {
  readonly message?: string;
  readonly error?: { readonly summary?: string };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly via: readonly unknown[] }>>;
}

/** Known vulnerabilities of what the lock file in `folder` installs for production, as npm's registry knows them. */
export function findAdvisories(folder: string): Verdict {
  const { code, stdout } = run("npm", ["audit", "--omit=dev", "--json", "--fetch-retries=0", "--fetch-timeout=30000"], {
    cwd: folder,
  });
  if (code === undefined) return { unreachable: "npm is not installed, or did not end" };
  const report = parseReport(stdout);
  if (!report.vulnerabilities) {
    return { unreachable: report.message || report.error?.summary || `npm audit ended with ${code}` };
  }
  return {
    findings: Object.entries(report.vulnerabilities).map(
      ([name, { severity, via }]) => `${name} (${severity}): ${via.map(titleOf).join("; ")}`,
    ),
  };
}

function parseReport(text: string): AuditReport {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** An advisory, or the name of the package through which another one is concerned. */
function titleOf(via: unknown): string {
  if (typeof via === "string") return `through ${via}`;
  const { title, url } = via as { title?: string; url?: string };
  return `${title} ${url}`;
}
