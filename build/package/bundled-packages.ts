import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** A package of others of which a bundle holds code. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** The SPDX expression of its package.json. */
  readonly license: string;
  /** The texts of its licence and notice files. */
  readonly notices: readonly string[];
}

/** An outer package may bring inner ones: the last `node_modules` of a path counts. */
const PACKAGE_FOLDER = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const NOTICE_FILE = /^(licen[cs]e|notice|copying)/i;

/**
 * The packages that the bundled files come from, by name; `files` are paths below `root`.
 * @throws Error for a package without a licence: nobody may ship it
 */
export async function bundledPackages(root: string, files: readonly string[]): Promise<BundledPackage[]> {
  const folders = new Set(files.flatMap((file) => PACKAGE_FOLDER.exec(file)?.[1] ?? []));
  const packages = await Promise.all([...folders].map((folder) => readPackage(join(root, folder))));
  const distinct = new Map(packages.map((each) => [`${each.name}@${each.version}`, each]));
  return [...distinct].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

async function readPackage(folder: string): Promise<BundledPackage> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  if (typeof license !== "string") throw new Error(`${name}@${version} names no licence in its package.json`);
  const files = (await readdir(folder)).filter((file) => NOTICE_FILE.test(file)).sort();
  const notices = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  return { name, version, license, notices };
}
