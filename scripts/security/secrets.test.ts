import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findSecrets } from "./secrets.ts";

// In two parts, so that it is not found here.
const SECRET = `ghp_${"x7Kq2LmN9pRs4TuV6wYz8AbC1dEf3GhJ5kMn"}`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "secrets-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Of which nothing depends on this machine's own configuration. */
function git(...args: string[]): string {
  const settings = ["user.name=t", "user.email=t@t", "init.defaultBranch=main", "commit.gpgSign=false", "gc.auto=0"];
  const { status, stdout, stderr } = spawnSync("git", [...settings.flatMap((each) => ["-c", each]), ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

function commit(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  git("add", ".");
  git("commit", "--quiet", "-m", name);
}

function lose(object: string): void {
  const id = git("rev-parse", object);
  rmSync(join(folder, ".git/objects", id.slice(0, 2), id.slice(2)));
}

test("a folder that is no repository is one that cannot be checked", () => {
  expect(findSecrets(folder)).toEqual({ unreachable: expect.stringContaining("no git repository") });
});

test("a repository without commits is one that cannot be checked", () => {
  git("init", "--quiet");
  expect(findSecrets(folder)).toEqual({ unreachable: "there is no commit to look through" });
});

test("a shallow clone is one that cannot be checked", () => {
  git("init", "--quiet");
  commit("a", "1\n");
  commit("a", "2\n");
  writeFileSync(join(folder, ".git/shallow"), `${git("rev-parse", "HEAD")}\n`);
  expect(findSecrets(folder)).toEqual({ unreachable: expect.stringContaining("--unshallow") });
});

const isWithoutGitleaks = !process.env.CI && spawnSync("gitleaks", ["version"]).error !== undefined;
describe.skipIf(isWithoutGitleaks)("gitleaks", () => {
  const found = (file: string) => ({
    findings: [expect.stringMatching(new RegExp(`^${file}:1 of [0-9a-f]{10}: github-pat$`))],
  });

  beforeEach(() => {
    git("init", "--quiet");
    commit("readme", "nothing to see\n");
  });

  test("says so where there is no secret", () => {
    expect(findSecrets(folder)).toEqual({ findings: [] });
  });

  test("finds a secret in an earlier commit, though a later one removed it, and does not print it", () => {
    commit("deploy.sh", `token = "${SECRET}"\n`);
    git("rm", "--quiet", "deploy.sh");
    git("commit", "--quiet", "-m", "without it");
    const verdict = findSecrets(folder);
    expect(verdict).toEqual(found("deploy\\.sh"));
    expect(JSON.stringify(verdict)).not.toContain(SECRET);
  });

  test("finds a secret on a branch that is not checked out", () => {
    git("checkout", "--quiet", "-b", "other");
    commit("deploy.sh", `token = "${SECRET}"\n`);
    git("checkout", "--quiet", "main");
    expect(findSecrets(folder)).toEqual(found("deploy\\.sh"));
  });

  test("finds a secret that only a merge brought, once", () => {
    git("checkout", "--quiet", "-b", "other");
    commit("b", "b\n");
    git("checkout", "--quiet", "main");
    commit("c", "c\n");
    git("merge", "--quiet", "--no-commit", "other");
    commit("deploy.sh", `token = "${SECRET}"\n`);
    expect(git("rev-list", "--merges", "HEAD")).not.toBe("");
    expect(findSecrets(folder)).toEqual(found("deploy\\.sh"));
  });

  test("finds a secret whose line asks to be let through", () => {
    commit("deploy.sh", `token = "${SECRET}" # gitleaks:${"allow"}\n`);
    expect(findSecrets(folder)).toEqual(found("deploy\\.sh"));
  });

  test("finds a secret whatever git's configuration makes of the history's looks", () => {
    commit("deploy.sh", `token = "${SECRET}"\n`);
    git("config", "color.ui", "always");
    git("config", "diff.noprefix", "true");
    expect(findSecrets(folder)).toEqual(found("deploy\\.sh"));
  });

  test("finds a secret in a file that .gitattributes keeps out of diffs", () => {
    commit(".gitattributes", "*.sh -diff\n");
    commit("deploy.sh", `token = "${SECRET}"\n`);
    expect(findSecrets(folder)).toEqual(found("deploy\\.sh"));
  });

  test.each(["HEAD~1:deploy.sh", "HEAD~1", "HEAD~1^{tree}"])("does not vouch for a history that lost %s", (object) => {
    commit("deploy.sh", `token = "${SECRET}"\n`);
    commit("deploy.sh", "nothing\n");
    lose(object);
    expect(findSecrets(folder)).toEqual({
      unreachable: expect.stringMatching(/could not read the whole history: (fatal|error): \w/),
    });
  });
});
