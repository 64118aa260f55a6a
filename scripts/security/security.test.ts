import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { refusedLicenses } from "./licenses.ts";
import { findSecrets } from "./secrets.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "security-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const git = (...args: string[]) =>
  spawnSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: folder });

const isWithoutGitleaks = !process.env.CI && spawnSync("gitleaks", ["version"]).error !== undefined;
test.skipIf(isWithoutGitleaks)(
  "a secret is found in an earlier commit, though a later one removed it, and is not printed",
  () => {
    // In two parts, so that it is not found here.
    const secret = `ghp_${"x7Kq2LmN9pRs4TuV6wYz8AbC1dEf3GhJ5kMn"}`;
    git("init", "--quiet");
    writeFileSync(join(folder, "deploy.sh"), `token = "${secret}"\n`);
    git("add", ".");
    git("commit", "--quiet", "-m", "with it");
    git("rm", "--quiet", "deploy.sh");
    git("commit", "--quiet", "-m", "without it");
    const verdict = findSecrets(folder);
    expect(verdict).toEqual({ findings: [expect.stringMatching(/^deploy\.sh:1 of [0-9a-f]{10}: github-pat$/)] });
    expect(JSON.stringify(verdict)).not.toContain(secret);
  },
);

test("a folder that is no repository is one that cannot be checked", () => {
  expect(findSecrets(folder)).toEqual({ unreachable: expect.stringContaining("no git repository") });
});

test.each([
  ["MIT", true],
  ["(MIT OR GPL-3.0-only)", true],
  ["MIT AND GPL-3.0-only", false],
  ["AGPL-3.0-only", false],
  ["GPL-2.0-only WITH Classpath-exception-2.0", false],
])("a package under %s: allowed is %s", (expression, isAllowed) => {
  const refused = refusedLicenses([{ name: "it", version: "1.0.0", licenses: [{ expression }] }]);
  expect(refused).toEqual(isAllowed ? [] : [`it 1.0.0: ${expression}`]);
});

test("a package without a licence is refused", () => {
  expect(refusedLicenses([{ name: "it", version: "1.0.0", licenses: [] }])).toEqual(["it 1.0.0: none"]);
});

/** Advisories of a registry that runs here, asked by a process of its own: npm is waited for, and would block this one. */
async function auditAgainst(registry: string): Promise<unknown> {
  const lock = { name: "it", version: "1.0.0", dependencies: { leftish: "1.0.0" } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(lock));
  writeFileSync(
    join(folder, "package-lock.json"),
    JSON.stringify({
      ...lock,
      lockfileVersion: 3,
      packages: { "": lock, "node_modules/leftish": { version: "1.0.0" } },
    }),
  );
  const { spawn } = await import("node:child_process");
  const module = JSON.stringify(new URL("./advisories.ts", import.meta.url).href);
  const program = `const { findAdvisories } = await import(${module}); console.log(JSON.stringify(findAdvisories(".")))`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: folder,
    env: { ...process.env, npm_config_registry: registry },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const chunk of child.stdout) output += chunk;
  return JSON.parse(output);
}

async function withRegistry<T>(advisories: unknown, use: (url: string) => Promise<T>): Promise<T> {
  const server: Server = createServer((request, response) => {
    request.resume();
    const isAudit = request.method === "POST" && request.url?.endsWith("/security/advisories/bulk");
    response.writeHead(isAudit ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(isAudit ? advisories : {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as { port: number }).port}/`);
  } finally {
    server.close();
  }
}

test("an advisory that the registry knows is a finding", async () => {
  const advisory = {
    id: 1,
    url: "https://example.com/1",
    title: "It leaks",
    severity: "high",
    vulnerable_versions: "<2",
  };
  const verdict = await withRegistry({ leftish: [advisory] }, auditAgainst);
  expect(verdict).toEqual({ findings: ["leftish (high): It leaks https://example.com/1"] });
});

test("a registry that knows none is good news", async () => {
  expect(await withRegistry({}, auditAgainst)).toEqual({ findings: [] });
});

test("a registry that does not answer is said to be out of reach, and not to know nothing", async () => {
  expect(await auditAgainst("http://127.0.0.1:1/")).toEqual({ unreachable: expect.stringContaining("ECONNREFUSED") });
});
