// Bundles a service: `node build/package/bundle.ts user-service [folder]` writes dist/user-service/main.mjs, which needs
// Node and nothing else, and beside it the files that the service reads at run time.
import { existsSync } from "node:fs";
import { cp, readdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "../..");
const [service = "", target = join(root, "dist", service)] = process.argv.slice(2);
const program = join(root, "cmd", service, "main.ts");
if (!service || !existsSync(program)) {
  console.error(`there is no service "${service}"; services: ${(await readdir(join(root, "cmd"))).join(", ")}`);
  process.exit(64);
}
const assets = [`configs/${service}`, `internal/app/${service}/prisma/migrations`];

await rm(target, { recursive: true, force: true });
await build({
  entryPoints: [program],
  outfile: join(target, "main.mjs"),
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  sourcemap: true,
  // Some packages inside are CommonJS and ask for `require`, which an ES module lacks.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  logLevel: "warning",
});
// findAsset looks for them at the same path below the bundle's folder as below the repository's root.
for (const asset of assets) await cp(join(root, asset), join(target, asset), { recursive: true });
console.log(
  `${relative(process.cwd(), join(target, "main.mjs"))}: run it with APP_ENV=production and DATABASE_URL set`,
);
