import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type BuildOptions, build, type Metafile } from "esbuild";

export const root = join(import.meta.dirname, "../..");

/** The service that the arguments name; ends the program where there is none of this name. */
export async function serviceNamed(service = ""): Promise<string> {
  if (service && existsSync(programOf(service))) return service;
  console.error(`there is no service "${service}"; services: ${(await readdir(join(root, "cmd"))).join(", ")}`);
  process.exit(64);
}

/** Bundles `service` into `target`/main.mjs and its source map; resolves to what went into it. */
export async function bundleService(service: string, target: string, options: BuildOptions = {}): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [programOf(service)],
    outfile: join(target, "main.mjs"),
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    sourcemap: true,
    // A stack trace needs names and lines; the text of the sources would double what is shipped.
    sourcesContent: false,
    metafile: true,
    define: { BUNDLED_VERSION: JSON.stringify(process.env.VERSION || "0.0.0-dev") },
    // Some packages inside are CommonJS and ask for `require`, which an ES module lacks.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "warning",
    ...options,
  });
  return metafile as Metafile;
}

function programOf(service: string): string {
  return join(root, "cmd", service, "main.ts");
}
