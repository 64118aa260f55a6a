import {
  deployments,
  hasOwnDatabase,
  type Manifest,
  nameOf,
  ofKind,
  podsOf,
  scalerOf,
  selects,
  usesDatabase,
  type Workload,
} from "../manifest.ts";
import { startupSecondsOf } from "./probes.ts";

export function carelessRollouts(manifests: readonly Manifest[]): string[] {
  return deployments(manifests).flatMap((deployment) => {
    const { strategy, minReadySeconds = 0, progressDeadlineSeconds = 600, template } = deployment.spec;
    const { maxUnavailable = "25%", maxSurge = "25%" } = strategy?.rollingUpdate ?? {};
    return [
      ...((strategy?.type ?? "RollingUpdate") === "RollingUpdate" && podsOf(maxUnavailable, 1) === 0
        ? []
        : ["takes pods away before others are ready"]),
      ...(podsOf(maxSurge, 1) > 0 ? [] : ["may neither take a pod away nor add one: no rollout ends"]),
      // A pod that ends a moment after its first good answer would count as ready, and the old ones go.
      ...(minReadySeconds > 0 ? [] : ["takes the first good answer of a pod for its health: no minReadySeconds"]),
      ...(progressDeadlineSeconds > startupSecondsOf(deployment) + minReadySeconds
        ? []
        : ["calls a release failed that may still start"]),
      ...(!usesDatabase(deployment) || template.spec.initContainers?.at(-1)?.args?.includes("migrate")
        ? []
        : ["does not migrate last"]),
    ].map((problem) => `${nameOf(deployment)} ${problem}`);
  });
}

export function carelessScaling(manifests: readonly Manifest[]): string[] {
  const fewestPods = hasOwnDatabase(manifests) ? 1 : 2;
  return deployments(manifests).flatMap((deployment) => {
    const { minReplicas = 1, maxReplicas = 0 } = scalerOf(deployment, manifests)?.spec ?? { minReplicas: 0 };
    return [
      ...(minReplicas >= fewestPods ? [] : [`has no HorizontalPodAutoscaler that keeps ${fewestPods} pods`]),
      ...(minReplicas <= maxReplicas ? [] : ["must have more pods than it may have"]),
      // Each `kubectl apply` would set the number back, in the middle of the load that it grew with.
      ...(deployment.spec.replicas === undefined ? [] : ["has a number of pods beside its autoscaler's"]),
    ].map((problem) => `${nameOf(deployment)} ${problem}`);
  });
}

/** A budget lets a node be drained, one pod after the other, while the service goes on. */
export function wrongBudgets(manifests: readonly Manifest[]): string[] {
  return deployments(manifests).flatMap((deployment) => {
    const budgets = ofKind(manifests, "PodDisruptionBudget").filter(({ spec }) =>
      selects(spec?.selector?.matchLabels, deployment.spec.template.metadata.labels),
    );
    // With two budgets for a pod evictions fail. Source: https://kubernetes.io/docs/concepts/workloads/pods/disruptions
    if (budgets.length !== 1) return [`${nameOf(deployment)} has no PodDisruptionBudget, or several`];
    const pods = scalerOf(deployment, manifests)?.spec?.minReplicas ?? 1;
    const mayGo = podsThatMayGo(budgets[0], pods);
    if (mayGo < 1) return [`${nameOf(deployment)} never lets a node be drained: no pod may go`];
    return mayGo >= pods && pods > 1 ? [`${nameOf(deployment)} lets a drain take all its pods at once`] : [];
  });
}

function podsThatMayGo(budget: Manifest | undefined, pods: number): number {
  const { maxUnavailable, minAvailable = 1 } = budget?.spec ?? {};
  return maxUnavailable === undefined ? pods - podsOf(minAvailable, pods) : podsOf(maxUnavailable, pods);
}

/** The most pods there are at a time: while a rollout goes on, those of its surge beside all others. */
export function mostPodsOf(workload: Workload, manifests: readonly Manifest[]): number {
  const most = scalerOf(workload, manifests)?.spec?.maxReplicas ?? 1;
  return most + podsOf(workload.spec.strategy?.rollingUpdate?.maxSurge ?? "25%", most);
}
