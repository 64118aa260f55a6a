import {
  backendsOf,
  type Container,
  containersOf,
  deployments,
  type Manifest,
  type NetworkPeer,
  type NetworkPort,
  type NetworkRule,
  nameOf,
  ofKind,
  portOf,
  type Selector,
  selects,
  type Workload,
  workloads,
} from "../manifest.ts";

/** What stands in the base where only an overlay can know. */
const UNSET = "192.0.2.0/24";
/** The widest private network: 10.0.0.0/8. What is wider is not one's own. */
const WIDEST_PREFIX = 8;

/** Holes: what a policy allows that nobody meant. */
export function openNetworks(manifests: readonly Manifest[]): string[] {
  const policies = ofKind(manifests, "NetworkPolicy");
  const holes = policies.flatMap((policy) =>
    [...(policy.spec?.egress ?? []), ...(policy.spec?.ingress ?? [])].flatMap((rule) =>
      holesOf(rule).map((problem) => `${nameOf(policy)} ${problem}`),
    ),
  );
  return [...holes, ...(policies.some(deniesAll) ? [] : ["no NetworkPolicy denies what is not allowed"])];
}

function deniesAll({ spec }: Manifest): boolean {
  const { podSelector, policyTypes = [], ingress = [], egress = [] } = spec ?? {};
  return isEmpty(podSelector) && policyTypes.length === 2 && ingress.length + egress.length === 0;
}

function holesOf({ to, from, ports = [] }: NetworkRule): string[] {
  const peers = to ?? from ?? [];
  return [
    ...(peers.length === 0 ? ["allows every address, without saying so (0.0.0.0/0)"] : []),
    ...(peers.some(isEverywhere) ? ["allows everybody"] : []),
    ...(ports.every(({ port }) => port !== undefined) && ports.length > 0 ? [] : ["allows every port"]),
    ...(peers.some(({ ipBlock }) => ipBlock?.cidr === UNSET)
      ? ["has the base's addresses, which lead nowhere: the overlay must say where"]
      : []),
  ];
}

function isEverywhere({ ipBlock, namespaceSelector, podSelector }: NetworkPeer): boolean {
  if (ipBlock) return !(Number(ipBlock.cidr.split("/")[1]) >= WIDEST_PREFIX);
  return namespaceSelector ? !names(namespaceSelector) : !podSelector;
}

/** Whether a selector says whom it means; "everybody but" does not. */
function names(selector: Selector | undefined): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return (
    Object.values(matchLabels).some((value) => value !== "") ||
    matchExpressions.some(({ operator, values = [] }) => operator === "In" && values.some((value) => value !== ""))
  );
}

function isEmpty(selector: Selector | undefined): boolean {
  return selector !== undefined && !selector.matchLabels && !selector.matchExpressions;
}

type Direction = "Ingress" | "Egress";

/** What the policies let through to a workload, or from it, on one of its ports or of others'. */
function passages(manifests: readonly Manifest[], direction: Direction, workload: Workload, port: number) {
  const { labels } = workload.spec.template.metadata;
  const rules = ofKind(manifests, "NetworkPolicy")
    .filter(({ spec }) => spec?.policyTypes?.includes(direction))
    .filter(({ spec }) => isEmpty(spec?.podSelector) || selects(spec?.podSelector?.matchLabels, labels))
    .flatMap(({ spec }) => (direction === "Ingress" ? spec?.ingress : spec?.egress) ?? []);
  const own = containersOf(workload).flatMap(({ ports = [] }: Container) => ports);
  const isNamed = (name: string) => own.some((each) => each.name === name && each.containerPort === port);
  const isPort = (each: NetworkPort) =>
    typeof each.port === "string"
      ? isNamed(each.port)
      : each.port === undefined || (each.port <= port && port <= (each.endPort ?? each.port));
  return (protocol: string): NetworkPeer[] =>
    rules
      .filter(({ ports = [] }) => ports.some((each) => (each.protocol ?? "TCP") === protocol && isPort(each)))
      .flatMap(({ to, from }) => to ?? from ?? []);
}

/** Who may call a workload on one of its ports. */
function callersOf(manifests: readonly Manifest[], workload: Workload, port: string): NetworkPeer[] {
  const number = portOf(workload, port);
  return number === undefined ? [] : passages(manifests, "Ingress", workload, number)("TCP");
}

/** Under default-deny a port that no policy names is closed. */
export function closedPorts(manifests: readonly Manifest[]): string[] {
  return workloads(manifests).flatMap((workload) =>
    containersOf(workload)
      .flatMap(({ ports = [] }) => ports)
      .filter(({ name }) => name !== "admin" || ofKind(manifests, "ServiceMonitor").length > 0)
      .filter(({ name }) => callersOf(manifests, workload, name).length === 0)
      .map(({ name }) => `no NetworkPolicy lets anything reach ${nameOf(workload)}, port ${name}`),
  );
}

/** /metrics tells what the service does: for Prometheus, not for those who call the service. */
export function openAdminPorts(manifests: readonly Manifest[]): string[] {
  return deployments(manifests).flatMap((deployment) => {
    const callers = callersOf(manifests, deployment, "rpc").map((peer) => JSON.stringify(peer));
    return callersOf(manifests, deployment, "admin")
      .filter(
        (peer) => callers.includes(JSON.stringify(peer)) || !(names(peer.namespaceSelector) || names(peer.podSelector)),
      )
      .map((peer) => `${nameOf(deployment)} opens its admin port to ${JSON.stringify(peer)}`);
  });
}

/** A route's gateway is in a namespace of its own, which must be let in. */
export function closedRoutes(manifests: readonly Manifest[]): string[] {
  return ofKind(manifests, "GRPCRoute", "HTTPRoute", "Ingress")
    .filter(({ kind, spec }) => kind === "Ingress" || spec?.parentRefs?.some(({ namespace }) => namespace))
    .flatMap((route) => {
      const routed = backendsOf(route).map(({ name }) => name);
      const services = ofKind(manifests, "Service").filter(({ metadata }) => routed.includes(metadata.name));
      return deployments(manifests)
        .filter(({ spec }) => services.some((each) => selects(each.spec?.selector, spec.template.metadata.labels)))
        .filter((each) => !callersOf(manifests, each, "rpc").some((peer) => peer.namespaceSelector ?? peer.ipBlock))
        .map((each) => `no NetworkPolicy lets the gateway of ${nameOf(route)} reach ${nameOf(each)}`);
    });
}

/** The port that stands in the URL of a database which is in the cluster; that of others is in a Secret. */
function databasePortOf(workload: Workload, otherwise: number): number {
  const url = containersOf(workload)
    .flatMap(({ env = [] }) => env)
    .find(({ name, value }) => name === "DATABASE_URL" && value)?.value;
  return Number(/@[^/@:]+:(\d+)/.exec(url ?? "")?.[1] ?? otherwise);
}

export function unreachable(manifests: readonly Manifest[], databasePort: number): string[] {
  return deployments(manifests).flatMap((deployment) => {
    const port = databasePortOf(deployment, databasePort);
    const asksDns = passages(manifests, "Egress", deployment, 53);
    return [
      ...(passages(manifests, "Egress", deployment, port)("TCP").length > 0 ? [] : [`a database on port ${port}`]),
      // Answers that are too long for a packet come by TCP: RFC 7766.
      ...["UDP", "TCP"].filter((protocol) => asksDns(protocol).length === 0).map((protocol) => `DNS by ${protocol}`),
    ].map((what) => `no NetworkPolicy lets ${nameOf(deployment)} reach ${what}`);
  });
}

/** Pods of this namespace, by labels that none of them has. */
export function peersThatMiss(manifests: readonly Manifest[]): string[] {
  const isThere = (wanted: Selector["matchLabels"]) =>
    !wanted || workloads(manifests).some(({ spec }) => selects(wanted, spec.template.metadata.labels));
  return ofKind(manifests, "NetworkPolicy").flatMap((policy) =>
    [...(policy.spec?.egress ?? []), ...(policy.spec?.ingress ?? [])]
      .flatMap(({ to, from }) => to ?? from ?? [])
      .filter(({ namespaceSelector, podSelector }) => !namespaceSelector && !isThere(podSelector?.matchLabels))
      .map(() => `${nameOf(policy)} allows pods that nobody makes`),
  );
}
