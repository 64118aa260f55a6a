import { createHash } from "node:crypto";
import { type FSWatcher, readdirSync, readFileSync, statSync, watch } from "node:fs";
import path from "node:path";

export interface WatchOptions {
  /** Absolute. */
  readonly root: string;
  /** Below the root; those that do not exist are skipped. */
  readonly folders: readonly string[];
  /** Quiet time after the last event, for an editor or a `git checkout` to finish. Default 50. */
  readonly debounceMs?: number;
}

export interface SourceWatcher {
  /**
   * Resolves with the files whose content has changed since the last call, deleted ones included: sorted, relative to
   * the root. Changes between two calls are kept. One call at a time.
   */
  next(): Promise<readonly string[]>;
  /** Takes what a folder holds now as known, so that files a generator wrote are no change. */
  acknowledge(folder: string): void;
  close(): void;
}

const sourceExtensions = new Set([".js", ".json", ".prisma", ".proto", ".sql", ".ts"]);
const ignoredFolders = new Set(["coverage", "dist", "node_modules"]);

function isSource(file: string): boolean {
  const name = path.basename(file);
  return sourceExtensions.has(path.extname(name)) && !name.startsWith(".") && !name.endsWith(".test.ts");
}

function isIgnoredFolder(name: string): boolean {
  return name.startsWith(".") || ignoredFolders.has(name);
}

/**
 * Watches source files. Folders are watched one by one, not with `recursive`, which on Linux keeps to the inode of a file
 * and is deaf after an editor has saved it by renaming a new one onto it.
 */
export function watchSources({ root, folders, debounceMs = 50 }: WatchOptions): SourceWatcher {
  const contents = new Map<string, string | undefined>();
  const watchers = new Map<string, FSWatcher>();
  const touched = new Set<string>();
  let settled = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;

  const touch = (file: string) => {
    touched.add(file);
    clearTimeout(timer);
    timer = setTimeout(() => settled.resolve(), debounceMs);
  };

  const unwatch = (folder: string) => {
    for (const [watched, watcher] of watchers) {
      if (!isWithin(watched, folder)) continue;
      watcher.close();
      watchers.delete(watched);
    }
  };

  /** Watches first and reads then: a file that appears between the two is seen twice, not never. */
  const watchFolder = (folder: string, found: (file: string) => void) => {
    const watcher = watch(path.join(root, folder), (event, name) => {
      if (name !== null) changed(event, path.join(folder, name));
    });
    watcher.on("error", () => unwatch(folder));
    watchers.set(folder, watcher);
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory() && !isIgnoredFolder(entry.name)) watchFolder(file, found);
      else if (entry.isFile() && isSource(file)) found(file);
    }
  };

  const changed = (event: string, file: string) => {
    if (isSource(file)) touch(file);
    else if (event === "rename" && !isIgnoredFolder(path.basename(file))) rewatch(file);
  };

  /** For a folder that came, went, or was replaced: the watcher there was may be bound to one that is gone. */
  const rewatch = (folder: string) => {
    unwatch(folder);
    for (const known of contents.keys()) if (isWithin(known, folder)) touch(known);
    if (!isFolder(path.join(root, folder))) return;
    try {
      watchFolder(folder, touch);
    } catch {
      // It went meanwhile, and its parent's watcher will hear of what comes next.
      unwatch(folder);
    }
  };

  const takeChanges = () => {
    const files = [...touched].filter((file) => {
      const hash = hashOf(path.join(root, file));
      if (contents.get(file) === hash) return false;
      contents.set(file, hash);
      return true;
    });
    touched.clear();
    return files.sort();
  };

  for (const folder of folders) {
    if (!isFolder(path.join(root, folder))) continue;
    watchFolder(folder, (file) => contents.set(file, hashOf(path.join(root, file))));
  }

  return {
    async next() {
      for (;;) {
        await settled.promise;
        settled = Promise.withResolvers();
        const files = takeChanges();
        if (files.length > 0) return files;
      }
    },
    acknowledge(folder) {
      for (const file of contents.keys()) if (isWithin(file, folder)) contents.set(file, hashOf(path.join(root, file)));
      for (const entry of readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })) {
        const file = path.join(folder, entry);
        if (isSource(file)) contents.set(file, hashOf(path.join(root, file)));
      }
    },
    close() {
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

function isWithin(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder + path.sep);
}

function isFolder(absolute: string): boolean {
  return statSync(absolute, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Undefined for what is not there, or not a file. */
function hashOf(file: string): string | undefined {
  try {
    return createHash("sha1").update(readFileSync(file)).digest("base64");
  } catch {
    return undefined;
  }
}
