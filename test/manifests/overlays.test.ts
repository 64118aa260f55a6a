import { describe, expect, test } from "vitest";
import { expectationsOf, servedHealthNames } from "./expectations.ts";
import { ofKind } from "./manifest.ts";
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
    expect(problemsWith(manifests, await expectationsOf(SERVICES, overlay))).toEqual([]);
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
