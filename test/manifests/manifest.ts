// The parts of Kubernetes' objects that the rules look at.

export type Labels = Readonly<Record<string, string>>;

export interface Selector {
  readonly matchLabels?: Labels;
}

export interface Probe {
  readonly grpc?: { readonly port: number; readonly service?: string };
}

export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly Variable[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string } }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[] };
  };
}

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: { readonly runAsNonRoot?: boolean; readonly seccompProfile?: { readonly type: string } };
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly topologySpreadConstraints?: readonly { readonly labelSelector: Selector }[];
}

export interface Backend {
  readonly name: string;
  readonly port: number | { readonly name: string };
}

export interface NetworkPeer {
  readonly ipBlock?: { readonly cidr: string };
}

export interface NetworkRule {
  readonly to?: readonly NetworkPeer[];
  readonly from?: readonly NetworkPeer[];
}

export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly selector?: Selector & Labels;
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly string[];
    readonly template?: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    readonly ports?: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[];
    readonly strategy?: { readonly rollingUpdate?: { readonly maxUnavailable?: number } };
    readonly egress?: readonly NetworkRule[];
    readonly ingress?: readonly NetworkRule[];
    readonly target?: { readonly name: string };
    readonly data?: readonly { readonly secretKey: string }[];
    readonly scaleTargetRef?: { readonly kind: string; readonly name: string };
    readonly minReplicas?: number;
    readonly endpoints?: readonly { readonly port: string }[];
    readonly rules?: readonly {
      readonly backendRefs?: readonly Backend[];
      readonly http?: { readonly paths: readonly { readonly backend: { readonly service: Backend } }[] };
    }[];
  };
}

export interface Workload extends Manifest {
  readonly spec: NonNullable<Manifest["spec"]> & {
    readonly template: NonNullable<NonNullable<Manifest["spec"]>["template"]>;
  };
}

export function ofKind(manifests: readonly Manifest[], ...kinds: readonly string[]): Manifest[] {
  return manifests.filter(({ kind }) => kinds.includes(kind));
}

/** What makes pods. */
export function workloads(manifests: readonly Manifest[]): Workload[] {
  return manifests.filter((each): each is Workload => each.spec?.template !== undefined);
}

export function containersOf({ spec }: Workload): Container[] {
  return [...(spec.template.spec.initContainers ?? []), ...spec.template.spec.containers];
}

/** Whether it is an environment for development, with a database that ends with its pod. */
export function hasOwnDatabase(manifests: readonly Manifest[]): boolean {
  return workloads(manifests).some(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === "database");
}

export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.name}`;
}

/** Whether a selector that names labels at all selects something that has these. */
export function selects(wanted: Labels | undefined, labels: Labels | undefined): boolean {
  const entries = Object.entries(wanted ?? {});
  return entries.length > 0 && entries.every(([key, value]) => labels?.[key] === value);
}
