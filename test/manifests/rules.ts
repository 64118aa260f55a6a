import {
  type Backend,
  type Container,
  containersOf,
  hasOwnDatabase,
  type Manifest,
  nameOf,
  ofKind,
  type Selector,
  selects,
  type Workload,
  workloads,
} from "./manifest.ts";

export interface Expectations {
  /** Whether a service answers to this name on its gRPC health service. */
  readonly answersHealth: (name: string) => boolean;
  /** Secrets that may be brought from outside, each with its keys; not to where the database is in the cluster. */
  readonly externalSecrets: Readonly<Record<string, readonly string[]>>;
}

/** What the schemas and kube-score do not see: what is wrong with an environment, as sentences; none when nothing is. */
export function problemsWith(manifests: readonly Manifest[], expectations: Expectations): string[] {
  return [
    ...selectorsThatMiss(manifests),
    ...backendsThatMiss(manifests),
    ...referencesThatMiss(manifests, hasOwnDatabase(manifests) ? {} : expectations.externalSecrets),
    ...secretsInTheOpen(manifests),
    ...missingLabels(manifests),
    ...wrongProbes(manifests, expectations.answersHealth),
    ...looseNamespaces(manifests),
    ...loosePods(manifests),
    ...movingImages(manifests),
    ...carelessRollouts(manifests),
    ...openNetworks(manifests),
  ];
}

function selectorsThatMiss(manifests: readonly Manifest[]): string[] {
  const pods = workloads(manifests);
  const hits = (wanted: Selector["matchLabels"]) =>
    pods.some(({ spec }) => selects(wanted, spec.template.metadata.labels));
  const missed = (each: Manifest) => `${nameOf(each)} selects no pod`;

  return [
    ...pods
      .filter(({ spec }) => !selects(spec.selector?.matchLabels, spec.template.metadata.labels))
      .map((each) => `${nameOf(each)} does not select its own pods`),
    ...pods.flatMap((each) =>
      (each.spec.template.spec.topologySpreadConstraints ?? [])
        .filter(({ labelSelector }) => !selects(labelSelector.matchLabels, each.spec.template.metadata.labels))
        .map(() => `${nameOf(each)} spreads other pods than its own`),
    ),
    ...ofKind(manifests, "Service")
      .filter(({ spec }) => !hits(spec?.selector))
      .map(missed),
    ...ofKind(manifests, "PodDisruptionBudget")
      .filter(({ spec }) => !hits(spec?.selector?.matchLabels))
      .map(missed),
    ...ofKind(manifests, "NetworkPolicy")
      .filter(({ spec }) => spec?.podSelector?.matchLabels && !hits(spec.podSelector.matchLabels))
      .map(missed),
    ...ofKind(manifests, "HorizontalPodAutoscaler")
      .filter(({ spec }) => !pods.some((pod) => isTarget(spec?.scaleTargetRef, pod)))
      .map((each) => `${nameOf(each)} scales nothing`),
    ...ofKind(manifests, "ServiceMonitor").flatMap((monitor) => {
      const services = ofKind(manifests, "Service").filter(({ metadata }) =>
        selects(monitor.spec?.selector?.matchLabels, metadata.labels),
      );
      return (monitor.spec?.endpoints ?? [])
        .filter(({ port }) => !services.some(({ spec }) => spec?.ports?.some(({ name }) => name === port)))
        .map(({ port }) => `${nameOf(monitor)} finds no Service with a port ${port}`);
    }),
  ];
}

function isTarget(target: { kind: string; name: string } | undefined, { kind, metadata }: Manifest): boolean {
  return target?.kind === kind && target.name === metadata.name;
}

function backendsThatMiss(manifests: readonly Manifest[]): string[] {
  const services = ofKind(manifests, "Service");
  const isThere = ({ name, port }: Backend) =>
    services.some(
      ({ metadata, spec }) =>
        metadata.name === name &&
        spec?.ports?.some((each) => (typeof port === "number" ? each.port === port : each.name === port.name)),
    );
  const routed = manifests.flatMap((manifest) =>
    (manifest.spec?.rules ?? []).flatMap(({ backendRefs = [], http }) =>
      [...backendRefs, ...(http?.paths ?? []).map(({ backend }) => backend.service)]
        .filter((backend) => !isThere(backend))
        .map(({ name }) => `${nameOf(manifest)} leads to no port of a Service ${name}`),
    ),
  );
  const targeted = services.flatMap((service) => {
    const ports = workloads(manifests)
      .filter(({ spec }) => selects(service.spec?.selector, spec.template.metadata.labels))
      .flatMap(containersOf)
      .flatMap((container) => container.ports ?? []);
    return (service.spec?.ports ?? [])
      .filter(({ targetPort }) => !ports.some(({ name }) => name === targetPort))
      .map(({ targetPort }) => `${nameOf(service)} leads to no port ${targetPort} of a container`);
  });
  return [...routed, ...targeted];
}

function referencesThatMiss(manifests: readonly Manifest[], external: Expectations["externalSecrets"]): string[] {
  const has = (kind: string, name: string | undefined) =>
    ofKind(manifests, kind).some(({ metadata }) => metadata.name === name);
  const keysOf = (secret: string) =>
    external[secret] ??
    Object.keys(ofKind(manifests, "Secret").find(({ metadata }) => metadata.name === secret)?.data ?? {});

  return workloads(manifests).flatMap((workload) => {
    const { serviceAccountName } = workload.spec.template.spec;
    const accounts = serviceAccountName && !has("ServiceAccount", serviceAccountName) ? [serviceAccountName] : [];
    const containers = containersOf(workload);
    const configMaps = containers
      .flatMap(({ envFrom = [] }) => envFrom.flatMap(({ configMapRef }) => configMapRef?.name ?? []))
      .filter((name) => !has("ConfigMap", name));
    const secrets = containers
      .flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []))
      .filter(({ name, key }) => !keysOf(name).includes(key))
      .map(({ name, key }) => `${name}, key ${key}`);
    return [...accounts, ...configMaps, ...secrets].map((name) => `${nameOf(workload)} refers to ${name}: not there`);
  });
}

/** A Secret in the manifests is in the repository; and one that is made elsewhere must be the one that is asked for. */
function secretsInTheOpen(manifests: readonly Manifest[]): string[] {
  const asked = workloads(manifests)
    .flatMap(containersOf)
    .flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []));
  const isAsked = (secret: string | undefined, key: string) =>
    asked.some((ref) => ref.name === secret && ref.key === key);
  return [
    ...(hasOwnDatabase(manifests) ? [] : ofKind(manifests, "Secret").map((each) => `${nameOf(each)} is no secret`)),
    ...ofKind(manifests, "ExternalSecret").flatMap((each) =>
      (each.spec?.data ?? [])
        .filter(({ secretKey }) => !isAsked(each.spec?.target?.name, secretKey))
        .map(({ secretKey }) => `${nameOf(each)} makes a key ${secretKey} that no pod asks for`),
    ),
  ];
}

/** By its labels build/ci/deploy.sh tells what is another service's, and must stay as it runs. */
function missingLabels(manifests: readonly Manifest[]): string[] {
  const services = ofKind(manifests, "Deployment").map(({ metadata }) => metadata.name);
  return manifests.flatMap((each) => {
    const named = services.filter((name) => each.metadata.name === name || each.metadata.name.startsWith(`${name}-`));
    // Of `user` and `user-admin`, `user-admin-headless` is the longer one's.
    const owner = named.sort((a, b) => b.length - a.length)[0];
    const wanted = { "app.kubernetes.io/name": owner ?? "", "app.kubernetes.io/component": "rpc-service" };
    return !owner || selects(wanted, each.metadata.labels)
      ? []
      : [`${nameOf(each)} lacks the labels that say it is ${owner}'s`];
  });
}

const PROBES = { startupProbe: "startup", readinessProbe: "readiness", livenessProbe: "liveness" } as const;

function wrongProbes(manifests: readonly Manifest[], answersHealth: Expectations["answersHealth"]): string[] {
  return ofKind(manifests, "Deployment").flatMap((deployment) =>
    containersOf(deployment as Workload)
      .filter(({ args }) => args?.includes("serve"))
      .flatMap((container) =>
        Object.entries(PROBES).flatMap(([probe, expected]) => {
          const { port, service } = container[probe as keyof typeof PROBES]?.grpc ?? {};
          const where = `${nameOf(deployment)}: ${probe}`;
          // Liveness by any other name would ask the database.
          if (service !== expected) return [`${where} asks for ${service}, not for ${expected}`];
          if (!answersHealth(service)) return [`${where} asks for ${service}, which nobody serves`];
          return container.ports?.some(({ containerPort }) => containerPort === port)
            ? []
            : [`${where} asks port ${port}`];
        }),
      ),
  );
}

function looseNamespaces(manifests: readonly Manifest[]): string[] {
  const namespaces = ofKind(manifests, "Namespace");
  return [
    ...namespaces
      .filter(({ metadata }) => metadata.labels?.["pod-security.kubernetes.io/enforce"] !== "restricted")
      .map((each) => `${nameOf(each)} does not enforce Pod Security restricted`),
    ...manifests
      .filter(
        (each) =>
          each.kind !== "Namespace" && !namespaces.some(({ metadata }) => metadata.name === each.metadata.namespace),
      )
      .map((each) => `${nameOf(each)} is in none of the namespaces that are made`),
  ];
}

/** Pod Security "restricted", which a cluster enforces too, and more. Source: https://kubernetes.io/docs/concepts/security/pod-security-standards */
function loosePods(manifests: readonly Manifest[]): string[] {
  return workloads(manifests).flatMap((workload) => {
    const { securityContext, automountServiceAccountToken } = workload.spec.template.spec;
    return [
      ...(securityContext?.runAsNonRoot ? [] : ["may run as root"]),
      ...(securityContext?.seccompProfile?.type === "RuntimeDefault" ? [] : ["has no seccomp profile"]),
      ...(automountServiceAccountToken === false ? [] : ["gets a token of the API server"]),
      ...containersOf(workload).flatMap(looseContainer),
    ].map((problem) => `${nameOf(workload)} ${problem}`);
  });
}

function looseContainer({ name, securityContext }: Container): string[] {
  return [
    ...(securityContext?.allowPrivilegeEscalation === false ? [] : [`lets ${name} gain privileges`]),
    ...(securityContext?.readOnlyRootFilesystem ? [] : [`lets ${name} write its root`]),
    ...(securityContext?.capabilities?.drop?.includes("ALL") ? [] : [`leaves ${name} capabilities`]),
  ];
}

/** A tag after the last slash, or a digest; `latest` is another image each day. */
const PINNED = /^[^@]+(:(?!latest$)[^:/@]+|@sha256:[0-9a-f]{64})$/;

function movingImages(manifests: readonly Manifest[]): string[] {
  return workloads(manifests).flatMap((workload) =>
    containersOf(workload)
      .filter(({ image }) => !PINNED.test(image))
      .map(({ image }) => `${nameOf(workload)} runs ${image}, which is no fixed version`),
  );
}

function carelessRollouts(manifests: readonly Manifest[]): string[] {
  const fewestPods = hasOwnDatabase(manifests) ? 1 : 2;
  return (ofKind(manifests, "Deployment") as Workload[]).flatMap((deployment) => {
    const { labels } = deployment.spec.template.metadata;
    const scaler = ofKind(manifests, "HorizontalPodAutoscaler").find(({ spec }) =>
      isTarget(spec?.scaleTargetRef, deployment),
    );
    const hasBudget = ofKind(manifests, "PodDisruptionBudget").some(({ spec }) =>
      selects(spec?.selector?.matchLabels, labels),
    );
    return [
      ...(deployment.spec.strategy?.rollingUpdate?.maxUnavailable === 0
        ? []
        : ["takes pods away before others are ready"]),
      ...((scaler?.spec?.minReplicas ?? 0) >= fewestPods
        ? []
        : [`has no HorizontalPodAutoscaler that keeps ${fewestPods} pods`]),
      ...(hasBudget ? [] : ["has no PodDisruptionBudget"]),
      ...(deployment.spec.template.spec.initContainers?.at(-1)?.args?.includes("migrate")
        ? []
        : ["does not migrate last"]),
    ].map((problem) => `${nameOf(deployment)} ${problem}`);
  });
}

/** What stands in the base where only an overlay can know. */
const UNSET = "192.0.2.0/24";

function openNetworks(manifests: readonly Manifest[]): string[] {
  const policies = ofKind(manifests, "NetworkPolicy");
  const deniesAll = policies.some(
    ({ spec }) => spec?.podSelector && !spec.podSelector.matchLabels && spec.policyTypes?.length === 2,
  );
  const isAllowed = ({ spec }: Workload, direction: string) =>
    policies.some(
      (policy) =>
        policy.spec?.policyTypes?.includes(direction) &&
        selects(policy.spec.podSelector?.matchLabels, spec.template.metadata.labels),
    );
  const endless = policies.flatMap((policy) =>
    [...(policy.spec?.egress ?? []), ...(policy.spec?.ingress ?? [])].flatMap(({ to, from }) => {
      const peers = to ?? from ?? [];
      if (peers.length === 0) return [`${nameOf(policy)} allows every address, without saying so (0.0.0.0/0)`];
      return peers.some(({ ipBlock }) => ipBlock?.cidr === UNSET)
        ? [`${nameOf(policy)} has the base's addresses, which lead nowhere: the overlay must say where`]
        : [];
    }),
  );
  return [
    ...endless,
    ...(deniesAll ? [] : ["no NetworkPolicy denies what is not allowed"]),
    ...workloads(manifests)
      .filter((workload) => !isAllowed(workload, "Ingress"))
      .map((workload) => `no NetworkPolicy lets anything reach ${nameOf(workload)}`),
  ];
}
