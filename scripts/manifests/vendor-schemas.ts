// Writes test/manifests/schemas: what kubeconform checks the manifests against, one file for each kind in use, taken from
// the modules that define them (needs Go). Run it when a kind is added, or for another version: `make manifest-schemas`.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { closedSchema, type Schema } from "./closed-schema.ts";

const target = join(import.meta.dirname, "../../test/manifests/schemas");

/** The oldest Kubernetes that is still maintained, or older: what it knows, later ones know. */
const KUBERNETES = "k8s.io/kubernetes@v1.33.5";
const KINDS: readonly (readonly [group: string, version: string, kind: string])[] = [
  ["", "v1", "ConfigMap"],
  ["", "v1", "Namespace"],
  ["", "v1", "Secret"],
  ["", "v1", "Service"],
  ["", "v1", "ServiceAccount"],
  ["apps", "v1", "Deployment"],
  ["apps", "v1", "StatefulSet"],
  ["autoscaling", "v2", "HorizontalPodAutoscaler"],
  ["networking.k8s.io", "v1", "Ingress"],
  ["networking.k8s.io", "v1", "NetworkPolicy"],
  ["policy", "v1", "PodDisruptionBudget"],
];
const RESOURCE_DEFINITIONS = [
  ["sigs.k8s.io/gateway-api@v1.3.0", "config/crd/standard/gateway.networking.k8s.io_grpcroutes.yaml"],
  ["sigs.k8s.io/gateway-api@v1.3.0", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"],
  [
    "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
  ],
  [
    "github.com/external-secrets/external-secrets@v0.20.1",
    "config/crds/bases/external-secrets.io_externalsecrets.yaml",
  ],
] as const;

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface ResourceDefinition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });

const swagger = readFileSync(join(moduleFolder(KUBERNETES), "api/openapi-spec/swagger.json"), "utf8");
const { definitions }: { definitions: Record<string, Schema> } = JSON.parse(swagger);
for (const [group, version, kind] of KINDS) {
  const schema = Object.values(definitions).find((each) =>
    (each["x-kubernetes-group-version-kind"] as GroupVersionKind[] | undefined)?.some(
      (known) => known.group === group && known.version === version && known.kind === kind,
    ),
  );
  if (!schema) throw new Error(`${KUBERNETES} has no ${group}/${version} ${kind}`);
  write(kind, group, version, closedSchema(schema, definitions));
}
for (const [module, path] of RESOURCE_DEFINITIONS) {
  const { spec }: ResourceDefinition = parse(readFileSync(join(moduleFolder(module), path), "utf8"));
  const served = spec.versions.find(({ storage }) => storage);
  if (!served) throw new Error(`${path} has no version that is stored`);
  write(spec.names.kind, spec.group, served.name, closedSchema(served.schema.openAPIV3Schema, {}));
}

/** Under the name by which kubeconform looks for it: deployment-apps-v1.json. */
function write(kind: string, group: string, version: string, schema: Schema): void {
  const name = [kind.toLowerCase(), group.split(".")[0], version].filter(Boolean).join("-");
  writeFileSync(join(target, `${name}.json`), `${JSON.stringify(schema)}\n`);
}

function moduleFolder(module: string): string {
  // Outside of any Go module: nothing here is one.
  const stdout = execFileSync("go", ["mod", "download", "-json", module], { cwd: "/", encoding: "utf8" });
  return JSON.parse(stdout).Dir;
}
