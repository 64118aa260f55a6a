import { hasOwnDatabase, type Manifest, nameOf, ofKind } from "./manifest.ts";
import { type Configure, wrongConfigurations, wrongEnvironments } from "./rules/configuration.ts";
import {
  closedPorts,
  closedRoutes,
  openAdminPorts,
  openNetworks,
  peersThatMiss,
  unreachable,
} from "./rules/networks.ts";
import { loosePods } from "./rules/pod-security.ts";
import { boundlessMemory, movingImages, strangeSurroundings } from "./rules/pods.ts";
import { impatientProbes, wrongProbes } from "./rules/probes.ts";
import {
  backendsThatMiss,
  broadSelectors,
  missingLabels,
  referencesThatMiss,
  selectorsThatMiss,
} from "./rules/references.ts";
import { type Api, sharedHosts, wrongGrpcRoutes, wrongPaths } from "./rules/routes.ts";
import { carelessRollouts, carelessScaling, wrongBudgets } from "./rules/scaling.ts";
import { passwordsInTheOpen, secretsInTheOpen } from "./rules/secrets.ts";
import { publicServices, routedAdminPorts, wrongIngresses, wrongProtocols } from "./rules/services.ts";

export interface Expectations {
  /** Whether a service answers to this name on its gRPC health service. */
  readonly answersHealth: (name: string) => boolean;
  /** Secrets that may be brought from outside, each with its keys; not to where the database is in the cluster. */
  readonly externalSecrets: Readonly<Record<string, readonly string[]>>;
  readonly configure: Configure;
  /** The services of the descriptors. */
  readonly apis: readonly Api[];
  /** Of databases whose URL is in a Secret. */
  readonly databasePort: number;
  /** Services of Kubernetes that are meant to be reached from outside without a route: of the type LoadBalancer. */
  readonly publicServices: readonly string[];
  /** The overlay's name. Default: unknown, and so APP_ENV is not compared with it. */
  readonly environment?: string;
}

/** What the schemas and kube-score do not see: what is wrong with an environment, as sentences; none when nothing is. */
export function problemsWith(manifests: readonly Manifest[], expected: Expectations): string[] {
  return [
    ...selectorsThatMiss(manifests),
    ...broadSelectors(manifests),
    ...backendsThatMiss(manifests),
    ...referencesThatMiss(manifests, hasOwnDatabase(manifests) ? {} : expected.externalSecrets),
    ...missingLabels(manifests),
    ...secretsInTheOpen(manifests),
    ...passwordsInTheOpen(manifests),
    ...looseNamespaces(manifests),
    ...loosePods(manifests),
    ...movingImages(manifests),
    ...boundlessMemory(manifests),
    ...strangeSurroundings(manifests),
    ...wrongProbes(manifests, expected.answersHealth),
    ...impatientProbes(manifests),
    ...carelessRollouts(manifests),
    ...carelessScaling(manifests),
    ...wrongBudgets(manifests),
    ...wrongConfigurations(manifests, expected.configure),
    ...wrongEnvironments(manifests, expected.environment),
    ...openNetworks(manifests),
    ...closedPorts(manifests),
    ...openAdminPorts(manifests),
    ...closedRoutes(manifests),
    ...unreachable(manifests, expected.databasePort),
    ...peersThatMiss(manifests),
    ...publicServices(manifests, (service) => expected.publicServices.includes(service)),
    ...routedAdminPorts(manifests),
    ...wrongProtocols(manifests),
    ...wrongIngresses(manifests),
    ...wrongGrpcRoutes(manifests, expected.apis),
    ...wrongPaths(manifests, expected.apis),
    ...sharedHosts(manifests),
  ];
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
