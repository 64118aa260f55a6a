import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectationsOf } from "./expectations.ts";
import { nameOf, ofKind } from "./manifest.ts";
import { problemsWith } from "./rules.ts";
import { build, cannotBuild, KUBERNETES, OVERLAYS } from "./tools.ts";

// docs/operations.md: a further service is its folder in base, and its line in base/kustomization.yaml.
describe.skipIf(cannotBuild)("a second service, made by copying the first one's folder and adding a line", () => {
  let copy: string;

  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), "manifests-"));
    await cp(KUBERNETES, copy, { recursive: true });
    const folder = join(copy, "base/greeter-service");
    await cp(join(copy, "base/user-service"), folder, { recursive: true });
    for (const file of await readdir(folder)) await edit(join(folder, file), renamed);
    await edit(join(copy, "base/kustomization.yaml"), (text) => `${text}  - greeter-service\n`);
  });
  afterAll(() => rm(copy, { recursive: true, force: true }));

  test.each(OVERLAYS)("is whole in %s, and leaves the first as it was", async (overlay) => {
    const before = await build(`${KUBERNETES}/overlays/${overlay}`);
    const after = await build(join(copy, "overlays", overlay));
    expect(problemsWith(after, await expectationsOf(overlay, ["user-service", "greeter-service"]))).toEqual([]);
    expect(after.filter((each) => before.some((known) => nameOf(known) === nameOf(each)))).toEqual(before);
    expect(ofKind(after, "Deployment").map(({ metadata }) => metadata.name)).toEqual([
      "greeter-service",
      "user-service",
    ]);
  });
});

const renamed = (text: string) =>
  text.replaceAll("user-service", "greeter-service").replaceAll("USER_SERVICE", "GREETER_SERVICE");

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, "utf8")));
}
