import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const ADVISORY = {
  id: 1,
  url: "https://example.com/1",
  title: "It leaks",
  severity: "high",
  vulnerable_versions: "<2",
};
const ADVISORIES = { leftish: [ADVISORY], rightish: [ADVISORY] };
const FOUND = {
  findings: ["leftish (high): It leaks https://example.com/1", "rightish (high): It leaks https://example.com/1"],
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "advisories-"));
  writePackages({ leftish: "1.0.0" }, { rightish: "1.0.0" });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A package with these dependencies, and a workspace `a` of it with some of its own. */
function writePackages(dependencies: Readonly<Record<string, string>>, ofWorkspace: typeof dependencies): void {
  const root = { name: "it", version: "1.0.0", workspaces: ["a"], dependencies };
  const a = { name: "a", version: "1.0.0", dependencies: ofWorkspace };
  const all = Object.entries({ ...dependencies, ...ofWorkspace });
  const installed = Object.fromEntries(all.map(([name, version]) => [`node_modules/${name}`, { version }]));
  const packages = { "": root, a, "node_modules/a": { resolved: "a", link: true }, ...installed };
  mkdirSync(join(folder, "a"), { recursive: true });
  writeFileSync(join(folder, "a/package.json"), JSON.stringify(a));
  writeFileSync(join(folder, "package.json"), JSON.stringify(root));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ ...root, lockfileVersion: 3, packages }));
}

/** Advisories of a registry that runs here, asked by a process of its own: npm is waited for, and would block this one. */
async function auditAgainst(registry: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const module = JSON.stringify(new URL("./advisories.ts", import.meta.url).href);
  const program = `const { findAdvisories } = await import(${module}); console.log(JSON.stringify(findAdvisories(".")))`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: folder,
    env: { ...process.env, npm_config_registry: registry, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const chunk of child.stdout) output += chunk;
  return JSON.parse(output);
}

async function withRegistry<T>(advisories: unknown, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    request.resume();
    const isAudit = request.method === "POST" && request.url?.endsWith("/security/advisories/bulk");
    response.writeHead(isAudit ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(isAudit ? advisories : {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.close();
  }
}

test("each advisory that the registry knows is a finding", async () => {
  expect(await withRegistry(ADVISORIES, auditAgainst)).toEqual(FOUND);
});

test("a registry that knows none is good news", async () => {
  expect(await withRegistry({}, auditAgainst)).toEqual({ findings: [] });
});

test("a registry that does not answer is said to be out of reach, and not to know nothing", async () => {
  expect(await auditAgainst("http://127.0.0.1:1/")).toEqual({ unreachable: expect.stringContaining("ECONNREFUSED") });
});

test.each([
  { npm_config_offline: "true", npm_config_audit: "false", npm_config_loglevel: "silent", npm_config_color: "always" },
  { npm_config_prefer_offline: "true", npm_config_workspace: "a", npm_config_omit: "optional peer dev" },
  { NPM_CONFIG_WORKSPACE: "a", npm_config_audit_level: "critical" },
  { npm_config_workspaces: "false" },
])("no advisory is missed where the environment says %j", async (env) => {
  const verdict = await withRegistry(ADVISORIES, (url) => auditAgainst(url, env));
  expect(verdict).toEqual(FOUND);
});

test("no advisory is missed where an .npmrc says offline", async () => {
  writeFileSync(join(folder, ".npmrc"), "offline=true\naudit=false\nworkspaces=false\n");
  expect(await withRegistry(ADVISORIES, auditAgainst)).toEqual(FOUND);
});

test("an audit that did not ask, having nothing to ask for, is not good news", async () => {
  writePackages({}, {});
  expect(await withRegistry({}, auditAgainst)).toEqual({ unreachable: "npm audit did not ask the registry" });
});

test("an answer that is no list of advisories is not good news", async () => {
  expect(await withRegistry("a portal's page", auditAgainst)).toEqual({ unreachable: expect.any(String) });
});

test.each([{}, { metadata: { dependencies: { total: 0 } } }])(
  "a report of no vulnerabilities and %j dependencies is not good news",
  async (rest) => {
    const answered = "npm http fetch POST 200 https://registry.example.com/-/npm/v1/security/advisories/bulk 9ms";
    const report = JSON.stringify({ vulnerabilities: {}, ...rest });
    writeFileSync(join(folder, "npm"), `#!/bin/sh\necho '${answered}' >&2\necho '${report}'\n`, { mode: 0o755 });
    const verdict = await auditAgainst("http://127.0.0.1:1/", { PATH: `${folder}:${process.env.PATH}` });
    expect(verdict).toEqual({ unreachable: "npm audit found no dependencies to ask for" });
  },
);
