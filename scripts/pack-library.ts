// node scripts/pack-library.ts <library> [out folder]
//
// Packs a library of pkg/ as npm publishes it, and prints the tarball's path as its last line (default folder: dist/).
// In the repository a library's exports point to its TypeScript, which Node runs as it is. It does not do so under
// node_modules, so the tarball holds JavaScript, declarations and source maps, and a package.json that points to them.

import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

type Manifest = {
  name?: string;
  exports?: Record<string, unknown>;
  scripts?: unknown;
  devDependencies?: unknown;
  /** Folders of api/third_party that users' protos import, `google/api`: the tarball has them in `proto/`. */
  sharedProtos?: string[];
};

const repository = resolve(import.meta.dirname, "..");
const notShipped = /\.(?:test|bench|fixture)\.ts$/;

function main([library, outFolder = join(repository, "dist")]: string[]): void {
  if (!library) {
    refuse("no library is named");
  }
  if (!existsSync(join(library, "package.json"))) {
    refuse(`there is no library ${library}`);
  }
  const staging = mkdtempSync(join(tmpdir(), "pack-library-"));
  try {
    stage(resolve(library), staging);
    console.log(pack(staging, resolve(outFolder)));
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function refuse(reason: string): never {
  console.error(`${reason}; usage: make pack LIB=pkg/aip`);
  process.exit(64);
}

function stage(library: string, staging: string): void {
  const manifest: Manifest = JSON.parse(readFileSync(join(library, "package.json"), "utf8"));
  const { scripts: _, devDependencies: __, sharedProtos = [], ...published } = manifest;
  const exports = Object.fromEntries(
    Object.entries(manifest.exports ?? {}).map(([subpath, target]) => [subpath, compiledTarget(library, target)]),
  );
  writeJson(join(staging, "package.json"), { ...published, exports, files: ["dist", "proto"] });

  compile(library, staging);
  const documents = [join(library, "README.md"), join(repository, "LICENSE"), join(library, "LICENSE")];
  for (const path of [...documents, join(library, "proto")].filter(existsSync)) {
    cpSync(path, join(staging, basename(path)), { recursive: true });
  }
  for (const folder of sharedProtos) {
    cpSync(join(repository, "api/third_party", folder), join(staging, "proto", folder), { recursive: true });
  }
}

/** `./src/index.ts` → its compiled form. What is no source file is refused: it would be missing from the tarball. */
function compiledTarget(library: string, target: unknown): { types: string; default: string } {
  const [, path] = /^\.\/src\/(.+)\.ts$/.exec(String(target)) ?? [];
  if (path === undefined || !existsSync(join(library, String(target)))) {
    throw new Error(`${library}/package.json exports ${JSON.stringify(target)}, which is no file ./src/….ts`);
  }
  return { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` };
}

function compile(library: string, staging: string): void {
  // Compiled from a copy, so that source maps say "../src/x.ts", whoever packs and wherever.
  cpSync(join(library, "src"), join(staging, "src"), { recursive: true, filter: (path) => !notShipped.test(path) });
  symlinkSync(join(repository, "node_modules"), join(staging, "node_modules"), "junction");
  writeJson(join(staging, "tsconfig.json"), {
    extends: join(repository, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      noEmitOnError: true,
      rootDir: "src",
      outDir: "dist",
      declaration: true,
      sourceMap: true,
      inlineSources: true,
      rewriteRelativeImportExtensions: true,
      typeRoots: ["node_modules/@types"],
    },
    include: ["src"],
    exclude: [],
  });
  run(process.execPath, [join(repository, "node_modules/typescript/bin/tsc"), "-p", staging], staging);
  for (const path of readdirSync(join(staging, "dist"), { recursive: true, encoding: "utf8" })) {
    if (path.endsWith(".d.ts")) {
      rewriteImports(join(staging, "dist", path));
    }
  }
}

/**
 * tsc rewrites `./x.ts` to `./x.js` in JavaScript but not in declarations (microsoft/TypeScript#61037). It finds its way
 * there itself; editors and bundlers of types do not all.
 */
function rewriteImports(declarations: string): void {
  const text = readFileSync(declarations, "utf8");
  writeFileSync(declarations, text.replaceAll(/((?:from|import) ?\(?")(\.\.?\/[^"]+)\.ts"/g, '$1$2.js"'));
}

function pack(staging: string, outFolder: string): string {
  mkdirSync(outFolder, { recursive: true });
  const printed = run("npm", ["pack", "--offline", "--loglevel=error", "--pack-destination", outFolder], staging);
  return join(outFolder, printed.trim().split("\n").at(-1) ?? "");
}

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause: error });
  }
  return stdout;
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

main(process.argv.slice(2));
