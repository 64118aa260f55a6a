import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { loadUserServiceConfig } from "#internal/app/user-service/config.ts";
import { expectationsOf, servedHealthNames } from "./expectations.ts";
import { type Container, type Manifest, ofKind, type Workload } from "./manifest.ts";
import { problemsWith } from "./rules.ts";
import { build, cannotBuild, KUBERNETES, OVERLAYS } from "./tools.ts";

test("the user service's health answers to the names that probes use", async () => {
  expect(await servedHealthNames()).toEqual(expect.arrayContaining(["", "liveness", "readiness", "startup"]));
});

test("the Secrets that are brought from outside are documented", async () => {
  const readme = await readFile(`${KUBERNETES}/README.md`, "utf8");
  expect(readme).toContain("`user-service-database`, key `DATABASE_URL`");
});

describe.skipIf(cannotBuild).each(OVERLAYS)("the overlay %s", (overlay) => {
  const folder = `${KUBERNETES}/overlays/${overlay}`;

  test("builds, and nothing in it misses what it is for", async () => {
    const manifests = await build(folder);
    expect(ofKind(manifests, "Deployment")).not.toEqual([]);
    expect(problemsWith(manifests, await expectationsOf(overlay, ["user-service"]))).toEqual([]);
  });

  test("gives the user service variables that it accepts, and the time that its drain takes", async () => {
    const manifests = await build(folder);
    const [deployment] = ofKind(manifests, "Deployment") as Workload[];
    const pod = deployment?.spec.template.spec;
    const config = loadUserServiceConfig(variablesOf(pod?.containers[0], manifests));
    // The rule that both pauses and a margin fit this one is the configuration's own: it throws.
    expect(config.terminationGracePeriodMs).toBe((pod?.terminationGracePeriodSeconds ?? 0) * 1000);
    // Long enough for every kube-proxy and gateway to have noticed.
    expect(config.drainDelayMs).toBeGreaterThanOrEqual(5_000);
    expect(config.migrations).toBe("refuse");
    expect(config.host).toBe("");
    expect([config.port, config.adminPort]).toEqual([8080, 9090]);
  });
});

describe.skipIf(cannotBuild)("the environments", () => {
  const summary = async (overlay: string) => {
    const manifests = await build(`${KUBERNETES}/overlays/${overlay}`);
    const [scaler] = ofKind(manifests, "HorizontalPodAutoscaler");
    return {
      namespaces: ofKind(manifests, "Namespace").map(({ metadata }) => metadata.name),
      pods: scaler?.spec?.minReplicas,
      secrets: ofKind(manifests, "Secret").map(({ metadata }) => metadata.name.replace(/-[^-]+$/, "")),
      extras: manifests.map(({ kind }) => kind).filter((kind) => /Monitor|Route|StatefulSet/.test(kind)),
    };
  };

  test("differ in what they are meant to", async () => {
    const released = ["GRPCRoute", "HTTPRoute", "ServiceMonitor"];
    expect(await summary("dev")).toEqual({
      namespaces: ["user-dev"],
      pods: 2,
      secrets: ["postgres"],
      extras: ["StatefulSet"],
    });
    expect(await summary("staging")).toEqual({ namespaces: ["user-staging"], pods: 2, secrets: [], extras: released });
    expect(await summary("production")).toEqual({
      namespaces: ["user-production"],
      pods: 3,
      secrets: [],
      extras: released,
    });
  });
});

/** What the container's environment will be; a Secret's values are not known here. */
function variablesOf(container: Container | undefined, manifests: readonly Manifest[]): Record<string, string> {
  const sources = (container?.envFrom ?? []).map(({ configMapRef }) =>
    ofKind(manifests, "ConfigMap").find(({ metadata }) => metadata.name === configMapRef?.name),
  );
  const names = (container?.env ?? []).map(({ name }) => name);
  expect(names).toContain("DATABASE_URL");
  return { ...Object.assign({}, ...sources.map((each) => each?.data)), DATABASE_URL: "postgresql://host/database" };
}
