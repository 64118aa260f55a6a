// The parts of Kubernetes' objects that the rules look at.

export type Labels = Readonly<Record<string, string>>;

export interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly operator: string; readonly values?: readonly string[] }[];
}

export interface Probe {
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly httpGet?: { readonly host?: string };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
}

export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}

/** Of a pod, or of a container, where it goes before the pod's. */
export interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly seccompProfile?: { readonly type: string };
  readonly appArmorProfile?: { readonly type: string };
  readonly seLinuxOptions?: { readonly type?: string; readonly user?: string; readonly role?: string };
  readonly windowsOptions?: { readonly hostProcess?: boolean };
  readonly sysctls?: readonly { readonly name: string }[];
  readonly privileged?: boolean;
  readonly procMount?: string;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly Variable[];
  readonly envFrom?: readonly {
    readonly configMapRef?: { readonly name: string };
    readonly secretRef?: { readonly name: string };
  }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly hostPort?: number }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
  readonly resources?: { readonly requests?: Labels; readonly limits?: Labels };
  readonly securityContext?: SecurityContext;
}

/** Its kind of source is the key beside the name. */
export interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string };
  readonly projected?: { readonly sources?: readonly object[] };
}

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly shareProcessNamespace?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: SecurityContext;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly topologySpreadConstraints?: readonly { readonly labelSelector: Selector }[];
}

export interface Backend {
  readonly name: string;
  readonly port: number | { readonly name: string };
}

export interface NetworkPeer {
  readonly ipBlock?: { readonly cidr: string };
  readonly namespaceSelector?: Selector;
  readonly podSelector?: Selector;
}

export interface NetworkPort {
  readonly port?: number | string;
  readonly endPort?: number;
  readonly protocol?: string;
}

export interface NetworkRule {
  readonly to?: readonly NetworkPeer[];
  readonly from?: readonly NetworkPeer[];
  readonly ports?: readonly NetworkPort[];
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: string;
  readonly appProtocol?: string;
}

/** Of a GRPCRoute, an HTTPRoute or an Ingress. */
export interface RouteRule {
  readonly matches?: readonly {
    readonly method?: { readonly service?: string; readonly method?: string };
    readonly path?: { readonly type?: string; readonly value?: string };
  }[];
  readonly backendRefs?: readonly Backend[];
  readonly http?: {
    readonly paths: readonly {
      readonly path?: string;
      readonly pathType?: string;
      readonly backend: { readonly service: Backend };
    }[];
  };
}

/** A number, or a share in percent. */
export type Amount = number | string;

export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly type?: string;
    readonly externalIPs?: readonly string[];
    readonly selector?: Selector & Labels;
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly string[];
    readonly replicas?: number;
    readonly template?: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    readonly ports?: readonly ServicePort[];
    readonly strategy?: {
      readonly type?: string;
      readonly rollingUpdate?: { readonly maxUnavailable?: Amount; readonly maxSurge?: Amount };
    };
    readonly minReadySeconds?: number;
    readonly progressDeadlineSeconds?: number;
    readonly egress?: readonly NetworkRule[];
    readonly ingress?: readonly NetworkRule[];
    readonly target?: { readonly name?: string };
    readonly data?: readonly { readonly secretKey: string }[];
    readonly scaleTargetRef?: { readonly kind: string; readonly name: string };
    readonly minReplicas?: number;
    readonly maxReplicas?: number;
    readonly minAvailable?: Amount;
    readonly maxUnavailable?: Amount;
    readonly endpoints?: readonly { readonly port: string }[];
    readonly parentRefs?: readonly { readonly namespace?: string }[];
    readonly hostnames?: readonly string[];
    readonly ingressClassName?: string;
    readonly rules?: readonly RouteRule[];
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

/** Those that run a service, which also have its migration. */
export function deployments(manifests: readonly Manifest[]): Workload[] {
  return workloads(manifests).filter(({ kind }) => kind === "Deployment");
}

export function containersOf({ spec }: Workload): Container[] {
  return [...(spec.template.spec.initContainers ?? []), ...spec.template.spec.containers];
}

/** The keys of Secrets that a container's variables are. */
export function secretKeysOf({ env = [] }: Container) {
  return env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
}

/** The container that runs a command of the service: `serve`, `migrate`. */
export function containerThat(command: string, workload: Workload): Container | undefined {
  return containersOf(workload).find(({ args }) => args?.includes(command));
}

/** The number of the port that a workload's containers call so. */
export function portOf(workload: Workload, name: string): number | undefined {
  return containersOf(workload)
    .flatMap(({ ports = [] }) => ports)
    .find((port) => port.name === name)?.containerPort;
}

/** What scales a workload. */
export function scalerOf(workload: Workload, manifests: readonly Manifest[]): Manifest | undefined {
  return ofKind(manifests, "HorizontalPodAutoscaler").find(({ spec }) => isTarget(spec?.scaleTargetRef, workload));
}

export function isTarget(target: { kind: string; name: string } | undefined, { kind, metadata }: Manifest): boolean {
  return target?.kind === kind && target.name === metadata.name;
}

/** A number of pods; a share of `all` is rounded up, as Kubernetes does. */
export function podsOf(amount: Amount, all: number): number {
  return typeof amount === "number" ? amount : Math.ceil((Number.parseFloat(amount) / 100) * all);
}

/** Where a GRPCRoute, an HTTPRoute or an Ingress leads. */
export function backendsOf({ spec }: Manifest): Backend[] {
  return (spec?.rules ?? []).flatMap(({ backendRefs = [], http }) => [
    ...backendRefs,
    ...(http?.paths ?? []).map(({ backend }) => backend.service),
  ]);
}

/** Whether its containers are told of a database. One that needs it and is not told does not start: wrongConfigurations. */
export function usesDatabase(workload: Workload): boolean {
  return containersOf(workload).some(({ env = [] }) => env.some(({ name }) => name === "DATABASE_URL"));
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
