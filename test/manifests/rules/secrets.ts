import { containersOf, hasOwnDatabase, type Manifest, nameOf, ofKind, secretKeysOf, workloads } from "../manifest.ts";

/** A Secret in the manifests is in the repository; and one that is made elsewhere must be the one that is asked for. */
export function secretsInTheOpen(manifests: readonly Manifest[]): string[] {
  const asked = workloads(manifests).flatMap(containersOf).flatMap(secretKeysOf);
  const unasked = ofKind(manifests, "ExternalSecret").flatMap((each) => {
    const keys = asked
      .filter(({ name }) => name === (each.spec?.target?.name ?? each.metadata.name))
      .map(({ key }) => key);
    if (keys.length === 0) return [`${nameOf(each)} makes a Secret that no pod asks for`];
    return (each.spec?.data ?? [])
      .filter(({ secretKey }) => !keys.includes(secretKey))
      .map(({ secretKey }) => `${nameOf(each)} makes a key ${secretKey} that no pod asks for`);
  });
  const inTheOpen = hasOwnDatabase(manifests) ? [] : ofKind(manifests, "Secret");
  return [...inTheOpen.map((each) => `${nameOf(each)} is no secret`), ...unasked];
}

/** A password in a URL, unless it is a variable's: `$(PASSWORD)`, which Kubernetes fills in. */
const PASSWORD_IN_URL = /:\/\/[^/@\s]*:(?!\$\()[^/@\s]+@/;
const SECRET_NAME = /PASSWORD|SECRET|TOKEN|PRIVATE|CREDENTIAL|API_?KEY/i;

/** ConfigMaps and plain variables are in the repository, and whoever may look at pods reads them. */
export function passwordsInTheOpen(manifests: readonly Manifest[]): string[] {
  const isSecret = (name: string, value: string) =>
    PASSWORD_IN_URL.test(value) || (SECRET_NAME.test(name) && value !== "" && !name.endsWith("_FILE"));
  const inMaps = ofKind(manifests, "ConfigMap").flatMap((each) =>
    Object.entries(each.data ?? {})
      .filter(([name, value]) => isSecret(name, value))
      .map(([name]) => `${nameOf(each)} shows a secret: ${name}`),
  );
  const inPods = workloads(manifests).flatMap((workload) =>
    containersOf(workload).flatMap(({ env = [] }) =>
      env
        .filter(({ name, value }) => value !== undefined && isSecret(name, value))
        .map(({ name }) => `${nameOf(workload)} shows a secret: ${name}`),
    ),
  );
  return [...inMaps, ...inPods];
}
