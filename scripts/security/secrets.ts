import { didNotRun, run, type Verdict } from "./check.ts";

/** The code by which we tell findings from a failure of gitleaks itself, which is 1 by default as well. */
const LEAKS_FOUND = 10;

interface Leak {
  readonly RuleID: string;
  readonly File: string;
  readonly StartLine: number;
  readonly Commit: string;
}

/** Secrets in any commit of the git repository in `folder`, by gitleaks. They are named by their place and never printed. */
export function findSecrets(folder: string): Verdict {
  // Of half a history "no secrets" would be half a truth.
  const history = run("git", ["rev-parse", "--is-shallow-repository"], { cwd: folder });
  if (history.code !== 0) return { unreachable: "this is no git repository, or git is not installed" };
  if (history.stdout.trim() === "true") return { unreachable: "the history is not here: git fetch --unshallow" };
  const outcome = run(
    "gitleaks",
    [
      "git",
      "--no-banner",
      "--redact",
      "--log-level=error",
      `--exit-code=${LEAKS_FOUND}`,
      "--report-format=json",
    ].concat("--report-path=-", "."),
    { cwd: folder },
  );
  if (outcome.code !== 0 && outcome.code !== LEAKS_FOUND) return didNotRun("gitleaks", outcome);
  const leaks: readonly Leak[] = JSON.parse(outcome.stdout || "[]");
  return {
    findings: leaks.map(
      ({ RuleID, File, StartLine, Commit }) => `${File}:${StartLine} of ${Commit.slice(0, 10)}: ${RuleID}`,
    ),
  };
}
