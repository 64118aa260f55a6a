import { containersOf, deployments, type Manifest, nameOf, type Probe, portOf, type Workload } from "../manifest.ts";

const PROBES = { startupProbe: "startup", readinessProbe: "readiness", livenessProbe: "liveness" } as const;

export function wrongProbes(manifests: readonly Manifest[], answersHealth: (name: string) => boolean): string[] {
  return deployments(manifests).flatMap((deployment) =>
    servingContainersOf(deployment).flatMap((container) =>
      Object.entries(PROBES).flatMap(([probe, expected]) => {
        const { port, service } = container[probe as keyof typeof PROBES]?.grpc ?? {};
        const where = `${nameOf(deployment)}: ${probe}`;
        // Liveness by any other name would ask the database.
        if (service !== expected) return [`${where} asks for ${service}, not for ${expected}`];
        if (!answersHealth(service)) return [`${where} asks for ${service}, which nobody serves`];
        return portOf(deployment, "rpc") === port ? [] : [`${where} asks port ${port}`];
      }),
    ),
  );
}

/** A liveness probe that is done sooner restarts pods that are only busy: a full garbage collection, a starved node. */
const LIVENESS_SECONDS = 20;
/** As long a pod that does not work gets calls. */
const READINESS_SECONDS = 30;

export function impatientProbes(manifests: readonly Manifest[]): string[] {
  return deployments(manifests).flatMap((deployment) =>
    servingContainersOf(deployment).flatMap(({ livenessProbe, readinessProbe }) => [
      ...(secondsToFail(livenessProbe) >= LIVENESS_SECONDS
        ? []
        : [`${nameOf(deployment)} restarts pods that are slow for less than ${LIVENESS_SECONDS} s`]),
      ...(secondsToFail(readinessProbe) <= READINESS_SECONDS
        ? []
        : [`${nameOf(deployment)} sends calls to pods that are not ready for more than ${READINESS_SECONDS} s`]),
    ]),
  );
}

/** How long a pod has to start before it is killed. */
export function startupSecondsOf(deployment: Workload): number {
  const probe = servingContainersOf(deployment)[0]?.startupProbe;
  return (probe?.initialDelaySeconds ?? 0) + secondsToFail(probe);
}

/** Kubernetes' defaults: every 10 s, three times. */
function secondsToFail({ periodSeconds = 10, failureThreshold = 3 }: Probe = {}): number {
  return periodSeconds * failureThreshold;
}

function servingContainersOf(deployment: Workload) {
  return containersOf(deployment).filter(({ args }) => args?.includes("serve"));
}
