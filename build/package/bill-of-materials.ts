import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { BundledPackage } from "./bundled-packages.ts";
import { root } from "./service-bundle.ts";

/** The part of CycloneDX 1.5 that is looked at here. Source: https://cyclonedx.org/docs/1.5/json */
interface BillOfMaterials {
  serialNumber?: string;
  metadata: { timestamp?: string; component: Record<string, unknown> };
  components: { "bom-ref": string }[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

/**
 * What npm says of all dependencies, cut down to `packages`. Nothing in it comes from the clock or from chance: the same
 * sources give the same file.
 * @throws Error when npm does not know one of the packages
 */
export async function createBillOfMaterials(
  service: string,
  packages: readonly BundledPackage[],
): Promise<BillOfMaterials> {
  const args = ["sbom", "--package-lock-only", "--sbom-format=cyclonedx", "--loglevel=error"];
  const { stdout } = await promisify(execFile)("npm", args, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  const { serialNumber, metadata, components, dependencies, ...bill }: BillOfMaterials = JSON.parse(stdout);
  const { timestamp, component, ...origin } = metadata;

  const kept = new Set(packages.map(({ name, version }) => `${name}@${version}`));
  const known = components.filter((each) => kept.has(each["bom-ref"]));
  if (known.length !== kept.size) {
    const missing = [...kept].filter((ref) => !known.some((each) => each["bom-ref"] === ref));
    throw new Error(`the lock file has no ${missing.join(", ")}`);
  }
  const version = process.env.VERSION || "0.0.0-dev";
  return {
    ...bill,
    metadata: { ...origin, component: { ...component, type: "application", name: service, version } },
    components: known,
    dependencies: dependencies
      .filter(({ ref }) => kept.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => kept.has(each)) })),
  };
}
