import { run, type Verdict } from "./check.ts";

/** npm's report, or the error that it prints in its place. */
interface AuditReport {
  readonly message?: string;
  readonly error?: { readonly summary?: string };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly via: readonly unknown[] }>>;
  readonly metadata?: { readonly dependencies?: { readonly total?: number } };
}

/** npm's own word that the registry was asked and answered: it prints the same empty report when it did not ask. */
const ANSWERED = /^npm http fetch POST 200 \S+\/security\//m;

/** Over what a machine's configuration says: offline, npm reports no vulnerabilities; of a workspace, those of that one. */
const FLAGS = "--omit=dev --json --offline=false --workspaces=null --loglevel=http --color=false";

/** Known vulnerabilities of what the lock file in `folder` installs for production, as npm's registry knows them. */
export function findAdvisories(folder: string): Verdict {
  const args = ["audit", ...FLAGS.split(" "), "--fetch-retries=0", "--fetch-timeout=30000"];
  const { code, stdout, stderr } = run("npm", args, { cwd: folder, env: withoutWorkspace(process.env) });
  if (code === undefined) return { unreachable: "npm is not installed, or did not end" };
  const report = parseReport(stdout);
  if (!report.vulnerabilities) {
    return { unreachable: report.message || report.error?.summary || `npm audit ended with ${code}` };
  }
  if (!ANSWERED.test(stderr)) return { unreachable: "npm audit did not ask the registry" };
  if (!report.metadata?.dependencies?.total) return { unreachable: "npm audit found no dependencies to ask for" };
  return {
    findings: Object.entries(report.vulnerabilities).map(
      ([name, { severity, via }]) => `${name} (${severity}): ${via.map(titleOf).join("; ")}`,
    ),
  };
}

/** npm has no flag that takes the choice of a workspace back. */
function withoutWorkspace(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^npm_config_workspace$/i.test(name)));
}

function parseReport(text: string): AuditReport {
  try {
    return JSON.parse(text) ?? {};
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
