import { execFile, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import type { Manifest } from "./manifest.ts";

export const KUBERNETES = "deployments/kubernetes";
export const OVERLAYS = foldersIn(`${KUBERNETES}/overlays`);
export const COMPONENTS = foldersIn(`${KUBERNETES}/components`);
/** What stands in the base beside what services share. */
export const SERVICES = foldersIn(`${KUBERNETES}/base`).filter((name) => name !== "environment");

/** What builds overlays: kubectl has kustomize inside. */
const builders: readonly (readonly [program: string, command: string])[] = [
  ["kubectl", "kustomize"],
  ["kustomize", "build"],
];
const builder = builders.find(([program, command]) => isInstalled(program, command));

/** Whether tests must be skipped as no program can build overlays. Never on a build server: there they fail. */
export const cannotBuild = mustSkip("kubectl or kustomize", builder !== undefined);

/** Whether tests must be skipped because a program is not installed, which this says. Never on a build server. */
export function isMissing(program: string): boolean {
  return mustSkip(program, isInstalled(program, "--version") || isInstalled(program, "version"));
}

/** But for those that begin with a dot: deploy.sh makes such a one. */
function foldersIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
}

function mustSkip(what: string, isThere: boolean): boolean {
  if (isThere || process.env.CI) return false;
  process.stderr.write(`skipped, as not installed (make tools): ${what}\n`);
  return true;
}

function isInstalled(program: string, argument: string): boolean {
  return spawnSync(program, [argument, "--help"]).error === undefined;
}

/** An overlay as it would be applied, in YAML. */
export async function buildYaml(folder: string): Promise<string> {
  const [program, command] = builder ?? ["kubectl", "kustomize"];
  return (await promisify(execFile)(program, [command, folder], { maxBuffer: 16 * 1024 * 1024 })).stdout;
}

export async function build(folder: string): Promise<Manifest[]> {
  return parse(await buildYaml(folder));
}

export function parse(yaml: string): Manifest[] {
  return parseAllDocuments(yaml).map((document): Manifest => document.toJS());
}

/** A checker's verdict on a text that it reads from standard input. */
export function check(program: string, args: readonly string[], input: string) {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8" });
  return { code: status, output: `${stdout}${stderr}` };
}
