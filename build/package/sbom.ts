// Says what is inside a service's bundle: `node build/package/sbom.ts user-service [folder]` writes dist/sbom.cdx.json
// (CycloneDX, for scanners) and dist/licenses.txt (the notices that the licences ask to be shipped). Only the packages of
// which the bundle holds code are in them, so a finding of a scanner concerns what runs.
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Metafile } from "esbuild";
import { createBillOfMaterials } from "./bill-of-materials.ts";
import { bundledPackages } from "./bundled-packages.ts";
import { formatLicenses } from "./licenses.ts";
import { bundleService, root, serviceNamed } from "./service-bundle.ts";

const service = await serviceNamed(process.argv[2]);
const target = process.argv[3] ?? join(root, "dist");

const { outputs } = await bundleService(service, target, { write: false });
const packages = await bundledPackages(root, filesIn(outputs));
const bill = await createBillOfMaterials(service, packages);
await mkdir(target, { recursive: true });
await writeFile(join(target, "sbom.cdx.json"), `${JSON.stringify(bill, null, 2)}\n`);
await writeFile(join(target, "licenses.txt"), formatLicenses(service, packages));
console.log(`${relative(process.cwd(), target) || "."}: sbom.cdx.json, licenses.txt; ${packages.length} packages`);

/** The sources of which something is left in the bundle. */
function filesIn(outputs: Metafile["outputs"]): string[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? file : [])),
  );
}
