import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { expectationsOf } from "./expectations.ts";
import { type Manifest, nameOf } from "./manifest.ts";
import { problemsWith } from "./rules.ts";

// Each rule is broken once, in an environment that is otherwise whole: a rule that cannot fail says nothing.

const ENVIRONMENT: readonly Manifest[] = parse(await readFile("test/manifests/fixture/environment.yaml", "utf8")).items;
const EXPECTED = await expectationsOf(["sample"]);

/** The object (kind and name), what is replaced in its JSON by what, and the problem. */
type Mutation = readonly [object: string, from: string | RegExp, to: string, problem: string];

const deployment = "Deployment sample";
const mine = '{"app.kubernetes.io/name":"sample"}';
const other = '{"app.kubernetes.io/name":"other"}';

const MUTATIONS: readonly Mutation[] = [
  [deployment, `"matchLabels":${mine}`, `"matchLabels":${other}`, "does not select its own pods"],
  [deployment, `"labelSelector":{"matchLabels":${mine}}`, `"labelSelector":{"matchLabels":${other}}`, "spreads other"],
  ["Service sample", `"selector":${mine}`, `"selector":${other}`, "Service sample selects no pod"],
  ["PodDisruptionBudget sample", `"matchLabels":${mine}`, `"matchLabels":${other}`, "selects no pod"],
  ["NetworkPolicy allow", "rpc-service", "other", "allow selects no pod"],
  ["HorizontalPodAutoscaler sample", 'Deployment","name":"sample"', 'Deployment","name":"other"', "scales nothing"],
  ["ServiceMonitor all", '"port":"metrics"', '"port":"other"', "finds no Service with a port other"],
  ["GRPCRoute sample", '"port":8080', '"port":8081', "leads to no port"],
  ["GRPCRoute sample", '"name":"sample","port"', '"name":"a","port"', "Service a"],
  ["Ingress sample", '"name":"grpc"', '"name":"other"', "Ingress sample leads to no port"],
  ["Service sample", '"targetPort":"rpc"', '"targetPort":"http"', "port http"],
  [deployment, '"key":"DATABASE_URL"', '"key":"URL"', "sample-database, key URL"],
  [deployment, '"name":"sample-database"', '"name":"simple-database"', "simple-database, key DATABASE_URL: not there"],
  [deployment, '"name":"environment"', '"name":"other"', "refers to other"],
  [deployment, '"serviceAccountName":"sample"', '"serviceAccountName":"other"', "refers to other"],
  ["ExternalSecret sample-database", '"secretKey":"DATABASE_URL"', '"secretKey":"URL"', "that no pod asks for"],
  ["ExternalSecret sample-database", '"target":{"name":"sample', '"target":{"name":"other', "that no pod asks for"],
  ["GRPCRoute sample", "kubernetes.io/name", "kubernetes.io/part-of", "lacks the labels that say it is sample's"],
  ["Service sample", "rpc-service", "service", "Service sample lacks the labels"],
  [deployment, '"service":"liveness"', '"service":"readiness"', "not for liveness"],
  [deployment, '"service":"startup"', '"service":""', "not for startup"],
  [deployment, '"port":8080,"service":"readiness"', '"port":1,"service":"readiness"', "asks port 1"],
  ["Namespace whole", 'enforce":"restricted"', 'enforce":"baseline"', "does not enforce"],
  ["Service sample", "whole", "default", "in none of the namespaces"],
  [deployment, '"runAsNonRoot":true', '"runAsNonRoot":false', "may run as root"],
  [deployment, '"RuntimeDefault"', '"Unconfined"', "has no seccomp profile"],
  [deployment, '"automountServiceAccountToken":false', '"automountServiceAccountToken":true', "gets a token"],
  [deployment, '"allowPrivilegeEscalation":false', '"allowPrivilegeEscalation":true', "gain privileges"],
  [deployment, '"readOnlyRootFilesystem":true', '"readOnlyRootFilesystem":false', "write its root"],
  [deployment, '"drop":["ALL"]', '"drop":[]', "leaves migrate capabilities"],
  [deployment, "sample:1.2.3", "sample:latest", "no fixed version"],
  [deployment, "sample:1.2.3", "sample", "no fixed version"],
  [deployment, '"maxUnavailable":0', '"maxUnavailable":1', "takes pods away"],
  ["HorizontalPodAutoscaler sample", '"minReplicas":2', '"minReplicas":1', "keeps 2 pods"],
  [deployment, '"args":["migrate"]', '"args":["config"]', "does not migrate"],
  ["NetworkPolicy default-deny", ',"Egress"', "", "no NetworkPolicy denies"],
  ["NetworkPolicy allow", /"to":\[.*?\],/, '"to":[],', "allows every address"],
  ["NetworkPolicy allow", /"from":\[.*?\],/, "", "allows every address"],
  ["NetworkPolicy allow", "10.0.0.0/24", "192.0.2.0/24", "lead nowhere"],
];

const REMOVALS: readonly (readonly [object: string, problem: string])[] = [
  ["ServiceAccount sample", "refers to sample: not there"],
  ["ConfigMap environment", "refers to environment: not there"],
  ["HorizontalPodAutoscaler sample", "has no HorizontalPodAutoscaler"],
  ["PodDisruptionBudget sample", "has no PodDisruptionBudget"],
  ["NetworkPolicy default-deny", "no NetworkPolicy denies"],
  ["NetworkPolicy allow", "lets anything reach Deployment sample"],
];

const problemsOf = (manifests: readonly Manifest[], expected = EXPECTED) => problemsWith(manifests, expected);

describe("problemsWith", () => {
  test("finds none with an environment that is whole", () => {
    expect(problemsOf(ENVIRONMENT)).toEqual([]);
  });

  test.each(MUTATIONS)("%s with %s as %s: %s", (object, from, to, problem) => {
    const broken = ENVIRONMENT.map(
      (each): Manifest => (nameOf(each) === object ? JSON.parse(JSON.stringify(each).replace(from, to)) : each),
    );
    expect(broken).not.toEqual(ENVIRONMENT);
    expect(problemsOf(broken).join("\n")).toContain(problem);
  });

  test.each(REMOVALS)("without %s: %s", (object, problem) => {
    const broken = ENVIRONMENT.filter((each) => nameOf(each) !== object);
    expect(broken).not.toEqual(ENVIRONMENT);
    expect(problemsOf(broken).join("\n")).toContain(problem);
  });

  test("takes an image that is named by its digest", () => {
    const digest = `sample@sha256:${"0".repeat(64)}`;
    expect(problemsOf(JSON.parse(JSON.stringify(ENVIRONMENT).replaceAll("sample:1.2.3", digest)))).toEqual([]);
  });

  test("a Secret that nobody brings is missing", () => {
    expect(problemsOf(ENVIRONMENT, { ...EXPECTED, externalSecrets: {} })).toContain(
      "Deployment sample refers to sample-database, key DATABASE_URL: not there",
    );
  });

  test("a Secret among the manifests is no secret", () => {
    const secret = { kind: "Secret", metadata: { name: "password", namespace: "whole" }, data: {} };
    expect(problemsOf([...ENVIRONMENT, secret])).toEqual(["Secret password is no secret"]);
  });

  test("with a database of its own an environment takes no Secrets from outside, and may have a single pod", () => {
    const labels = { "app.kubernetes.io/component": "database" };
    const database = {
      kind: "StatefulSet",
      metadata: { name: "database", namespace: "whole", labels },
      spec: { template: { metadata: { labels }, spec: { containers: [] } } },
    };
    const single = JSON.parse(JSON.stringify(ENVIRONMENT).replace('"minReplicas":2', '"minReplicas":1'));
    const problems = problemsOf([...single, database]);
    expect(problems).toContain("Deployment sample refers to sample-database, key DATABASE_URL: not there");
    expect(problems.join("\n")).not.toContain("HorizontalPodAutoscaler");
  });

  test("a name that the service's health does not know is no probe", () => {
    const answersHealth = (name: string) => name !== "startup";
    expect(problemsOf(ENVIRONMENT, { ...EXPECTED, answersHealth })).toEqual([
      "Deployment sample: startupProbe asks for startup, which nobody serves",
    ]);
  });
});
