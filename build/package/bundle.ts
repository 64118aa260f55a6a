// Bundles a service: `node build/package/bundle.ts user-service [folder]` writes dist/user-service/main.mjs, which needs
// Node and nothing else, and beside it the files that the service reads at run time. VERSION names the release.
import { rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { copyAssets } from "./assets.ts";
import { bundleService, root, serviceNamed } from "./service-bundle.ts";

const service = await serviceNamed(process.argv[2]);
const target = process.argv[3] ?? join(root, "dist", service);

await rm(target, { recursive: true, force: true });
await bundleService(service, target);
await copyAssets(service, root, target);
console.log(
  `${relative(process.cwd(), join(target, "main.mjs"))}: run it with APP_ENV=production and DATABASE_URL set`,
);
