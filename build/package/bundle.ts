// Bundles a service: `node build/package/bundle.ts user-service [folder]` writes dist/user-service/main.mjs, which needs
// Node and nothing else, and beside it the files that the service reads at run time. VERSION names the release.
import { cp, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { bundleService, root, serviceNamed } from "./service-bundle.ts";

const service = await serviceNamed(process.argv[2]);
const target = process.argv[3] ?? join(root, "dist", service);
const assets = [`configs/${service}`, `internal/app/${service}/prisma/migrations`];

await rm(target, { recursive: true, force: true });
await bundleService(service, target);
// findAsset looks for them at the same path below the bundle's folder as below the repository's root.
for (const asset of assets) await cp(join(root, asset), join(target, asset), { recursive: true });
console.log(
  `${relative(process.cwd(), join(target, "main.mjs"))}: run it with APP_ENV=production and DATABASE_URL set`,
);
