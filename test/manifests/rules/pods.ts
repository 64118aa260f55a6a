import { containersOf, deployments, type Manifest, nameOf, workloads } from "../manifest.ts";

/** A tag after the last slash, or a digest; `latest` is another image each day. */
const PINNED = /^[^@]+(:(?!latest$)[^:/@]+|@sha256:[0-9a-f]{64})$/;

export function movingImages(manifests: readonly Manifest[]): string[] {
  return workloads(manifests).flatMap((workload) =>
    containersOf(workload)
      .filter(({ image }) => !PINNED.test(image))
      .map(({ image }) => `${nameOf(workload)} runs ${image}, which is no fixed version`),
  );
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  ...Object.fromEntries(["k", "M", "G", "T"].map((unit, power) => [unit, 1000 ** (power + 1)])),
  ...Object.fromEntries(["Ki", "Mi", "Gi", "Ti"].map((unit, power) => [unit, 1024 ** (power + 1)])),
};

/** In bytes; NaN for what is no amount. Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity */
function bytesOf(quantity: string | undefined): number {
  const [, number, unit = ""] = /^([\d.]+)([A-Za-z]*)$/.exec(String(quantity)) ?? [];
  return Number(number) * (UNITS[unit] ?? Number.NaN);
}

/** Without a limit one pod takes the node's memory; with a limit below its request it is never made. */
export function boundlessMemory(manifests: readonly Manifest[]): string[] {
  return workloads(manifests).flatMap((workload) =>
    containersOf(workload)
      .filter(({ resources }) => !(bytesOf(resources?.limits?.memory) >= bytesOf(resources?.requests?.memory)))
      .map(({ name }) => `${nameOf(workload)} has no memory limit for ${name} that its request fits`),
  );
}

export function strangeSurroundings(manifests: readonly Manifest[]): string[] {
  return [
    // They begin with the service's name, as its own variables do, of which it takes none that it does not know.
    ...workloads(manifests)
      .filter(({ spec }) => spec.template.spec.enableServiceLinks !== false)
      .map((each) => `${nameOf(each)} gets a variable for each Service of its namespace`),
    // Else it is process 1, which is deaf to SIGTERM until Node listens: pid_namespaces(7).
    ...deployments(manifests)
      .filter(({ spec }) => !spec.template.spec.shareProcessNamespace)
      .map((each) => `${nameOf(each)} is deaf to SIGTERM while it starts: no shareProcessNamespace`),
  ];
}
