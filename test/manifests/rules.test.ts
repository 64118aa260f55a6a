import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadUserServiceConfig } from "#internal/app/user-service/config.ts";
import { expectationsOf } from "./expectations.ts";
import { type Manifest, nameOf } from "./manifest.ts";
import { FREEDOMS, MUTATIONS, OPTIONAL, REMOVALS } from "./mutations.ts";
import { type Expectations, problemsWith } from "./rules.ts";

const ENVIRONMENT: readonly Manifest[] = parse(await readFile("test/manifests/fixture/environment.yaml", "utf8")).items;
const EXPECTED: Expectations = {
  ...(await expectationsOf(["sample"], "production")),
  configure: (_service, variables) => loadUserServiceConfig(variables),
};

const problemsOf = (manifests: readonly Manifest[], expected = EXPECTED) => problemsWith(manifests, expected);

function changed(object: string, from: string | RegExp, to: string, manifests = ENVIRONMENT): readonly Manifest[] {
  const broken = manifests.map(
    (each): Manifest => (nameOf(each) === object ? JSON.parse(JSON.stringify(each).replace(from, to)) : each),
  );
  expect(broken).not.toEqual(manifests);
  return broken;
}

function without(object: string): readonly Manifest[] {
  const rest = ENVIRONMENT.filter((each) => nameOf(each) !== object);
  expect(rest).not.toEqual(ENVIRONMENT);
  return rest;
}

describe("problemsWith", () => {
  test("finds none with an environment that is whole", () => {
    expect(problemsOf(ENVIRONMENT)).toEqual([]);
  });

  test.each(MUTATIONS)("%s with %s as %s: %s", (object, from, to, problem) => {
    expect(problemsOf(changed(object, from, to)).join("\n")).toContain(problem);
  });

  test.each(REMOVALS)("without %s: %s", (object, problem) => {
    expect(problemsOf(without(object)).join("\n")).toContain(problem);
  });

  test.each(FREEDOMS)("finds none with %s, %s as %s", (object, from, to) => {
    expect(problemsOf(changed(object, from, to))).toEqual([]);
  });

  test.each(OPTIONAL)("finds none without %s", (object) => {
    expect(problemsOf(without(object))).toEqual([]);
  });

  test("a Service may be reached from outside, and a database be on another port, when that is said", () => {
    const loadBalancer = changed("Service sample", '"selector"', '"type":"LoadBalancer","selector"');
    expect(problemsOf(loadBalancer, { ...EXPECTED, publicServices: ["sample"] })).toEqual([]);
    const bouncer = changed("NetworkPolicy outside", '"port":5432', '"port":6432');
    expect(problemsOf(bouncer, { ...EXPECTED, databasePort: 6432 })).toEqual([]);
  });

  test("a hook before SIGTERM may be there, where the grace period is longer by it", () => {
    const hook = '"args":["serve"],"lifecycle":{"preStop":{"sleep":{"seconds":5}}}';
    const longer = changed(
      "Deployment sample",
      '"terminationGracePeriodSeconds":30',
      '"terminationGracePeriodSeconds":35',
    );
    expect(problemsOf(changed("Deployment sample", '"args":["serve"]', hook, longer))).toEqual([]);
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

  test("a service without a database has nothing to migrate, if it starts without one", () => {
    const told = changed("Deployment sample", /"initContainers":\[.*?\],"containers"/, '"containers"');
    expect(problemsOf(told)).toContain("Deployment sample does not migrate last");

    const untold = changed("Deployment sample", /"env":\[\{"name":"DATABASE_URL".*?\}\],/, "", told).filter(
      ({ kind }) => kind !== "ExternalSecret",
    );
    expect(problemsOf(untold)).toEqual([expect.stringMatching(/^Deployment sample does not start: .*DATABASE_URL/s)]);

    const configure = (_service: string, variables: Record<string, string>) => {
      const { migrations, databaseUrl, databaseMaxConnections, databaseWaitMs, ...others } = loadUserServiceConfig({
        ...variables,
        DATABASE_URL: "postgresql://host/database",
      });
      return others;
    };
    expect(problemsOf(untold, { ...EXPECTED, configure })).toEqual([]);
  });

  test("a name that the service's health does not know is no probe", () => {
    const answersHealth = (name: string) => name !== "startup";
    expect(problemsOf(ENVIRONMENT, { ...EXPECTED, answersHealth })).toEqual([
      "Deployment sample: startupProbe asks for startup, which nobody serves",
    ]);
  });
});
