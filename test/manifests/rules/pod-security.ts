import { type Container, containersOf, type Manifest, nameOf, type SecurityContext, workloads } from "../manifest.ts";

/** Pod Security "restricted", which a cluster enforces too, and more. Source: https://kubernetes.io/docs/concepts/security/pod-security-standards */
export function loosePods(manifests: readonly Manifest[]): string[] {
  return workloads(manifests).flatMap((workload) => {
    const { spec } = workload.spec.template;
    return [
      ...(spec.securityContext?.runAsNonRoot ? [] : ["may run as root"]),
      ...(spec.securityContext?.seccompProfile ? [] : ["has no seccomp profile"]),
      ...(spec.automountServiceAccountToken === false ? [] : ["gets a token of the API server"]),
      ...(["hostNetwork", "hostPID", "hostIPC"] as const).filter((key) => spec[key]).map((key) => `has ${key}`),
      ...looseContext("its pods", spec.securityContext),
      ...(spec.volumes ?? []).flatMap(looseVolume),
      ...containersOf(workload).flatMap(looseContainer),
    ].map((problem) => `${nameOf(workload)} ${problem}`);
  });
}

/** Of "restricted", without those that no service here needs. */
const VOLUMES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

function looseVolume({ name, ...source }: { readonly name: string; readonly projected?: object }): string[] {
  const hasToken = JSON.stringify(source).includes('"serviceAccountToken"');
  return [
    ...Object.keys(source)
      .filter((kind) => !VOLUMES.includes(kind))
      .map((kind) => `has a volume ${name} of the kind ${kind}`),
    ...(hasToken ? ["gets a token of the API server, by a volume"] : []),
  ];
}

const PROBES = ["startupProbe", "readinessProbe", "livenessProbe"] as const;

function looseContainer(container: Container): string[] {
  const { name, securityContext, ports = [] } = container;
  return [
    ...(securityContext?.allowPrivilegeEscalation === false ? [] : [`lets ${name} gain privileges`]),
    ...(securityContext?.readOnlyRootFilesystem ? [] : [`lets ${name} write its root`]),
    ...(securityContext?.capabilities?.drop?.includes("ALL") ? [] : [`leaves ${name} capabilities`]),
    // "restricted" would let it add NET_BIND_SERVICE, for ports below 1024: there is none.
    ...(securityContext?.capabilities?.add?.length ? [`gives ${name} capabilities`] : []),
    ...(securityContext?.privileged ? [`runs ${name} privileged`] : []),
    ...((securityContext?.procMount ?? "Default") === "Default" ? [] : [`unmasks /proc for ${name}`]),
    ...ports.filter(({ hostPort }) => hostPort).map(({ hostPort }) => `opens port ${hostPort} of the node`),
    // The kubelet would ask whatever host is named.
    ...PROBES.filter((probe) => container[probe]?.httpGet?.host).map((probe) => `sends ${name}'s ${probe} elsewhere`),
    ...looseContext(name, securityContext),
  ];
}

const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/** What a container may not say, nor a pod for all of its containers. */
function looseContext(who: string, context: SecurityContext = {}): string[] {
  const { type = "", user = "", role = "" } = context.seLinuxOptions ?? {};
  return [
    ...(context.runAsNonRoot === false || context.runAsUser === 0 ? [`lets ${who} run as root`] : []),
    ...(isUnconfined(context.seccompProfile) ? [`lets ${who} make every system call`] : []),
    ...(isUnconfined(context.appArmorProfile) ? [`lets ${who} go without AppArmor`] : []),
    ...(SELINUX_TYPES.includes(type) && !user && !role ? [] : [`gives ${who} an SELinux context`]),
    ...(context.sysctls?.length ? [`sets ${who} sysctls`] : []),
    ...(context.windowsOptions?.hostProcess ? [`runs ${who} on the host`] : []),
  ];
}

const isUnconfined = (profile: { readonly type: string } | undefined) =>
  profile !== undefined && !["RuntimeDefault", "Localhost"].includes(profile.type);
