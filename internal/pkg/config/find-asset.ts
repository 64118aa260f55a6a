import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The absolute path of a file or folder that the program reads at run time, given its path below the repository's root.
 * Looks in the folder of the running code and in all folders around it: the sources find it at the root, a bundle finds
 * the copy beside itself.
 * @throws Error when it is nowhere
 */
export function findAsset(path: string, from: string = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, path);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) throw new Error(`${path} is neither in ${from} nor in a folder around it`);
  }
}
