import type { BundledPackage } from "./bundled-packages.ts";

/** The notices of everything that is bundled: a list of names and licences, then each text. */
export function formatLicenses(service: string, packages: readonly BundledPackage[]): string {
  const list = packages.map(({ name, version, license }) => `  ${name} ${version}: ${license}`);
  const texts = packages.map(({ name, version, license, notices }) =>
    [`${"=".repeat(80)}\n${name} ${version} (${license})\n`, ...notices.map((text) => `${text.trim()}\n`)].join("\n"),
  );
  return [`What others wrote in ${service}, and under which licence:\n`, ...list, "", ...texts].join("\n");
}
