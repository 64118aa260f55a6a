import { beforeAll, describe, expect, test } from "vitest";
import { expectationsOf } from "./expectations.ts";
import { type Manifest, nameOf } from "./manifest.ts";
import { type Expectations, problemsWith } from "./rules.ts";
import { build, cannotBuild, KUBERNETES } from "./tools.ts";

// Each rule is broken once, in an environment that is otherwise whole: a rule that cannot fail says nothing.

interface Mutation {
  /** Kind and name of the object. */
  readonly object: string;
  /** What is replaced in its JSON; the object is removed where it is missing. */
  readonly from?: string | RegExp;
  readonly to?: string;
  readonly problem: string;
}

const deployment = "Deployment user-service";
const selector = '"matchLabels":{"app.kubernetes.io/name":"user-service"}';
const other = '"matchLabels":{"app.kubernetes.io/name":"other"}';

const MUTATIONS: readonly Mutation[] = [
  { object: deployment, from: selector, to: other, problem: "does not select its own pods" },
  {
    object: deployment,
    from: `"labelSelector":{${selector}}`,
    to: `"labelSelector":{${other}}`,
    problem: "spreads other pods",
  },
  {
    object: "Service user-service",
    from: '"selector":{"app.kubernetes.io/name":"user-service"}',
    to: '"selector":{"app.kubernetes.io/name":"other"}',
    problem: "Service user-service selects no pod",
  },
  { object: "PodDisruptionBudget user-service", from: selector, to: other, problem: "selects no pod" },
  { object: "NetworkPolicy allow-calls", from: /rpc-service/g, to: "other", problem: "allow-calls selects no pod" },
  {
    object: "HorizontalPodAutoscaler user-service",
    from: '"kind":"Deployment","name":"user-service"',
    to: '"kind":"Deployment","name":"other"',
    problem: "scales nothing",
  },
  {
    object: "ServiceMonitor rpc-services",
    from: '"port":"metrics"',
    to: '"port":"other"',
    problem: "finds no Service with a port other",
  },
  { object: "GRPCRoute user-service", from: '"port":8080', to: '"port":8081', problem: "leads to no port" },
  {
    object: "HTTPRoute user-service",
    from: '"name":"user-service","port"',
    to: '"name":"a","port"',
    problem: "Service a",
  },
  { object: "Service user-service", from: '"targetPort":"rpc"', to: '"targetPort":"http"', problem: "port http" },
  { object: deployment, from: '"key":"DATABASE_URL"', to: '"key":"URL"', problem: "user-service-database, key URL" },
  { object: deployment, from: /"name":"environment-\w+"/, to: '"name":"other"', problem: "refers to other" },
  { object: "ServiceAccount user-service", problem: "refers to user-service: not there" },
  { object: deployment, from: '"service":"liveness"', to: '"service":"readiness"', problem: "not for liveness" },
  { object: deployment, from: '"service":"startup"', to: '"service":""', problem: "not for startup" },
  {
    object: deployment,
    from: '"port":8080,"service":"readiness"',
    to: '"port":1,"service":"readiness"',
    problem: "port 1",
  },
  {
    object: "Namespace user-production",
    from: 'enforce":"restricted"',
    to: 'enforce":"baseline"',
    problem: "does not enforce",
  },
  { object: "Service user-service", from: "user-production", to: "default", problem: "in none of the namespaces" },
  { object: deployment, from: '"runAsNonRoot":true', to: '"runAsNonRoot":false', problem: "may run as root" },
  { object: deployment, from: '"RuntimeDefault"', to: '"Unconfined"', problem: "has no seccomp profile" },
  {
    object: deployment,
    from: '"automountServiceAccountToken":false',
    to: '"automountServiceAccountToken":true',
    problem: "gets a token",
  },
  {
    object: deployment,
    from: '"allowPrivilegeEscalation":false',
    to: '"allowPrivilegeEscalation":true',
    problem: "gain privileges",
  },
  {
    object: deployment,
    from: '"readOnlyRootFilesystem":true',
    to: '"readOnlyRootFilesystem":false',
    problem: "write its root",
  },
  { object: deployment, from: '"drop":["ALL"]', to: '"drop":[]', problem: "leaves service capabilities" },
  { object: deployment, from: "user-service:0.1.0", to: "user-service:latest", problem: "no fixed version" },
  { object: deployment, from: "user-service:0.1.0", to: "user-service", problem: "no fixed version" },
  { object: deployment, from: '"maxUnavailable":0', to: '"maxUnavailable":1', problem: "takes pods away" },
  {
    object: "HorizontalPodAutoscaler user-service",
    from: '"minReplicas":3',
    to: '"minReplicas":1',
    problem: "two pods",
  },
  { object: "HorizontalPodAutoscaler user-service", problem: "has no HorizontalPodAutoscaler" },
  { object: "PodDisruptionBudget user-service", problem: "has no PodDisruptionBudget" },
  { object: deployment, from: '"args":["migrate"]', to: '"args":["config"]', problem: "does not migrate" },
  { object: "NetworkPolicy default-deny", problem: "no NetworkPolicy denies" },
  { object: "NetworkPolicy default-deny", from: ',"Egress"', to: "", problem: "no NetworkPolicy denies" },
];

describe.skipIf(cannotBuild)("problemsWith", () => {
  let production: readonly Manifest[];
  let expectations: Expectations;
  beforeAll(async () => {
    production = await build(`${KUBERNETES}/overlays/production`);
    expectations = await expectationsOf("production", ["user-service"]);
  });

  test.each(MUTATIONS)("$object: $problem ($from)", ({ object, from, to = "", problem }) => {
    const broken = production.flatMap((manifest) => {
      if (nameOf(manifest) !== object) return [manifest];
      return from === undefined ? [] : [JSON.parse(JSON.stringify(manifest).replace(from, to))];
    });
    expect(broken).not.toEqual(production);
    expect(problemsWith(broken, expectations).join("\n")).toContain(problem);
  });

  test("a Secret that nobody brings is missing", () => {
    expect(problemsWith(production, { ...expectations, externalSecrets: {} })).toContain(
      "Deployment user-service refers to user-service-database, key DATABASE_URL: not there",
    );
  });

  test("a name that the service's health does not know is no probe", () => {
    const answersHealth = (name: string) => name !== "startup";
    expect(problemsWith(production, { ...expectations, answersHealth })).toEqual([
      "Deployment user-service: startupProbe asks for startup, which nobody serves",
    ]);
  });
});
