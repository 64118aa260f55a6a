import {
  type Backend,
  backendsOf,
  containersOf,
  deployments,
  isTarget,
  type Manifest,
  nameOf,
  ofKind,
  type Selector,
  secretKeysOf,
  selects,
  workloads,
} from "../manifest.ts";

// What refers to something that is not there, or to more than its own.

export function selectorsThatMiss(manifests: readonly Manifest[]): string[] {
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

/** By the name of one service: by what all have in common, a second service's pods would be taken for its own. */
export function broadSelectors(manifests: readonly Manifest[]): string[] {
  const isBroad = (wanted: Selector["matchLabels"]) => !wanted?.["app.kubernetes.io/name"];
  return [
    ...ofKind(manifests, "Service").filter(({ spec }) => isBroad(spec?.selector)),
    ...[...ofKind(manifests, "PodDisruptionBudget"), ...workloads(manifests)].filter(({ spec }) =>
      isBroad(spec?.selector?.matchLabels),
    ),
  ].map((each) => `${nameOf(each)} selects pods of every service`);
}

export function backendsThatMiss(manifests: readonly Manifest[]): string[] {
  const services = ofKind(manifests, "Service");
  const isThere = ({ name, port }: Backend) =>
    services.some(
      ({ metadata, spec }) =>
        metadata.name === name &&
        spec?.ports?.some((each) => (typeof port === "number" ? each.port === port : each.name === port.name)),
    );
  const routed = manifests.flatMap((manifest) =>
    backendsOf(manifest)
      .filter((backend) => !isThere(backend))
      .map(({ name }) => `${nameOf(manifest)} leads to no port of a Service ${name}`),
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

export function referencesThatMiss(
  manifests: readonly Manifest[],
  external: Readonly<Record<string, readonly string[]>>,
): string[] {
  const named = (kind: string) => ofKind(manifests, kind).map(({ metadata }) => metadata.name);
  const keysOf = (secret: string) =>
    external[secret] ??
    Object.keys(ofKind(manifests, "Secret").find(({ metadata }) => metadata.name === secret)?.data ?? {});

  return workloads(manifests).flatMap((workload) => {
    const { serviceAccountName = [], volumes = [] } = workload.spec.template.spec;
    const sources = containersOf(workload).flatMap(({ envFrom = [] }) => envFrom);
    const accounts = [serviceAccountName].flat();
    const configMaps = [
      ...sources.map(({ configMapRef }) => configMapRef),
      ...volumes.map(({ configMap }) => configMap),
    ];
    const secrets = [
      ...sources.flatMap(({ secretRef }) => secretRef?.name ?? []),
      ...volumes.flatMap(({ secret }) => secret?.secretName ?? []),
    ];
    const keys = containersOf(workload).flatMap(secretKeysOf);
    return [
      ...accounts.filter((name) => !named("ServiceAccount").includes(name)),
      ...configMaps.flatMap((each) => each?.name ?? []).filter((name) => !named("ConfigMap").includes(name)),
      ...secrets.filter((name) => keysOf(name).length === 0),
      ...keys.filter(({ name, key }) => !keysOf(name).includes(key)).map(({ name, key }) => `${name}, key ${key}`),
    ].map((name) => `${nameOf(workload)} refers to ${name}: not there`);
  });
}

/** By its labels build/ci/deploy.sh tells what is another service's, and must stay as it runs. */
export function missingLabels(manifests: readonly Manifest[]): string[] {
  const services = ofKind(manifests, "Deployment").map(({ metadata }) => metadata.name);
  const ofManifests = manifests.flatMap((each) => {
    const named = services.filter((name) => each.metadata.name === name || each.metadata.name.startsWith(`${name}-`));
    // Of `user` and `user-admin`, `user-admin-headless` is the longer one's.
    const owner = named.sort((a, b) => b.length - a.length)[0];
    const wanted = { "app.kubernetes.io/name": owner ?? "", "app.kubernetes.io/component": "rpc-service" };
    return !owner || selects(wanted, each.metadata.labels)
      ? []
      : [`${nameOf(each)} lacks the labels that say it is ${owner}'s`];
  });
  // By the labels of its pods network policies hold for it.
  const ofPods = deployments(manifests)
    .filter(({ metadata, spec }) => !selects(metadata.labels, spec.template.metadata.labels))
    .map((each) => `${nameOf(each)} lacks its labels on its pods`);
  return [...ofManifests, ...ofPods];
}
