import { didNotRun, run, type Verdict } from "./check.ts";

/** The code by which we tell findings from a failure of gitleaks itself, which is 1 by default as well. */
const LEAKS_FOUND = 10;

/**
 * Which changes git shows to gitleaks, whatever is configured: of every branch and tag, and of merges against each of their
 * parents, without colours (gitleaks finds nothing among them), and of files that .gitattributes calls binary too.
 */
const HISTORY = "--all --full-history -m --no-color --no-ext-diff --no-textconv --text";

interface Leak {
  readonly RuleID: string;
  readonly File: string;
  readonly StartLine: number;
  readonly Commit: string;
}

/** Secrets in any commit of the git repository in `folder`, by gitleaks. They are named by their place and never printed. */
export function findSecrets(folder: string): Verdict {
  const obstacle = findObstacle(folder);
  if (obstacle) return { unreachable: obstacle };
  const args = ["--no-banner", "--redact", "--log-level=error", `--exit-code=${LEAKS_FOUND}`, `--log-opts=${HISTORY}`];
  const outcome = run(
    "gitleaks",
    // A comment in the line itself excuses nothing: what is no secret is said in .gitleaks.toml, with its reason.
    ["git", ...args, "--ignore-gitleaks-allow", "--no-color", "--report-format=json", "--report-path=-", "."],
    { cwd: folder },
  );
  if (outcome.code !== 0 && outcome.code !== LEAKS_FOUND) return didNotRun("gitleaks", outcome);
  const leaks: readonly Leak[] = JSON.parse(outcome.stdout || "[]");
  // It says "no leaks" and 0 of what git could not read as well, and complains on the side.
  if (leaks.length === 0 && outcome.stderr.trim() !== "")
    return { unreachable: `gitleaks ${complaintOf(outcome.stderr)}` };
  const places = leaks.map(
    ({ RuleID, File, StartLine, Commit }) => `${File}:${StartLine} of ${Commit.slice(0, 10)}: ${RuleID}`,
  );
  return { findings: [...new Set(places)] };
}

/** Why the history of `folder` cannot be looked through, or undefined: of half of it "no secrets" would be half a truth. */
function findObstacle(folder: string): string | undefined {
  const isShallow = run("git", ["rev-parse", "--is-shallow-repository"], { cwd: folder });
  if (isShallow.code !== 0) return "this is no git repository, or git is not installed";
  if (isShallow.stdout.trim() === "true") return "the history is not here: git fetch --unshallow";
  const newest = run("git", ["rev-list", "--all", "--max-count=1"], { cwd: folder });
  if (newest.code !== 0) return `git ${complaintOf(newest.stderr)}`;
  return newest.stdout.trim() === "" ? "there is no commit to look through" : undefined;
}

/** The first line names the cause; gitleaks' own begins with the time: `9:12PM ERR [git] fatal: unable to read 5e1c…`. */
function complaintOf(stderr: string): string {
  const cause = stderr.trim().split("\n")[0] ?? "";
  return `could not read the whole history: ${cause.replace(/^.* ERR (\[git\] )?/, "")}`;
}
