import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectationsOf } from "./expectations.ts";
import { copyKubernetes, FURTHER, type KubernetesCopy } from "./kubernetes-copy.ts";
import { nameOf, ofKind } from "./manifest.ts";
import { problemsWith } from "./rules.ts";
import { build, cannotBuild, KUBERNETES, OVERLAYS, SERVICES } from "./tools.ts";

describe.skipIf(cannotBuild)("a further service, made by copying a folder and adding a line", () => {
  let copy: KubernetesCopy;

  beforeAll(async () => {
    copy = await copyKubernetes();
    await copy.addService(FURTHER);
  });
  afterAll(() => copy.remove());

  test.each(OVERLAYS)("is whole in %s, and leaves the others as they were", async (overlay) => {
    const before = await build(`${KUBERNETES}/overlays/${overlay}`);
    const after = await build(`${copy.folder}/overlays/${overlay}`);
    expect(problemsWith(after, await expectationsOf([...SERVICES, FURTHER]))).toEqual([]);
    expect(after.filter((each) => before.some((known) => nameOf(known) === nameOf(each)))).toEqual(before);
    expect(ofKind(after, "Deployment").map(({ metadata }) => metadata.name)).toContain(FURTHER);
  });
});
