import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import type { configuration } from "#internal/app/user-service/config.ts";
import { expectationsOf, servedHealthNames } from "./expectations.ts";
import { type Container, type Manifest, ofKind, type Workload } from "./manifest.ts";
import { problemsWith } from "./rules.ts";
import { build, cannotBuild, KUBERNETES, OVERLAYS, SERVICES } from "./tools.ts";

// Registry, tag, addresses, hosts, namespaces, numbers of pods, and which components an overlay has are the owner's: nothing here knows them.

test("the user service's health answers to the names that probes use", async () => {
  expect(await servedHealthNames()).toEqual(expect.arrayContaining(["", "liveness", "readiness", "startup"]));
});

describe.skipIf(cannotBuild).each(OVERLAYS)("the overlay %s", (overlay) => {
  const folder = `${KUBERNETES}/overlays/${overlay}`;

  test("has every service, and nothing in it misses what it is for", async () => {
    const manifests = await build(folder);
    const deployed = ofKind(manifests, "Deployment").map(({ metadata }) => metadata.name);
    expect(deployed).toEqual(expect.arrayContaining(SERVICES));
    expect(problemsWith(manifests, await expectationsOf(SERVICES))).toEqual([]);
  });

  describe.each(SERVICES)("gives %s", (service) => {
    const source = `internal/app/${service}/config.ts`;

    test.skipIf(!existsSync(source))("variables that it accepts, and the time that its drain takes", async () => {
      const manifests = await build(folder);
      const pod = (ofKind(manifests, "Deployment") as Workload[]).find(({ metadata }) => metadata.name === service)
        ?.spec.template.spec;
      const app: { configuration: typeof configuration } = await import(pathToFileURL(source).href);
      // The rule that both pauses and a margin fit the grace period is the configuration's own: it throws.
      const config = app.configuration.load(variablesOf(pod?.containers[0], manifests)).values;
      expect(config.terminationGracePeriodMs).toBe((pod?.terminationGracePeriodSeconds ?? 0) * 1000);
      // Long enough for every kube-proxy and gateway to have noticed.
      expect(config.drainDelayMs).toBeGreaterThanOrEqual(5_000);
      expect(config.migrations).toBe("refuse");
      expect(config.host).toBe("");
      const ports = pod?.containers[0]?.ports ?? [];
      expect(ports).toContainEqual({ name: "rpc", containerPort: config.port });
      expect(ports).toContainEqual({ name: "admin", containerPort: config.adminPort });
    });
  });
});

test.skipIf(cannotBuild)("no two environments share a namespace", async () => {
  const environments = await Promise.all(OVERLAYS.map((overlay) => build(`${KUBERNETES}/overlays/${overlay}`)));
  const namespaces = environments.map((manifests) =>
    ofKind(manifests, "Namespace").map(({ metadata }) => metadata.name),
  );
  expect(namespaces.every(({ length }) => length === 1)).toBe(true);
  expect(new Set(namespaces.flat()).size).toBe(OVERLAYS.length);
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
