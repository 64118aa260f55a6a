import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { copyKubernetes, FIRST, type KubernetesCopy } from "./kubernetes-copy.ts";
import { ofKind } from "./manifest.ts";
import { type Recorder, record } from "./recorder.ts";
import { build, isMissing, OVERLAYS, parse } from "./tools.ts";

// deploy.sh with a kubectl that reaches no cluster: what it asks for, and in which order.

const image = `ghcr.io/owner/${FIRST}@sha256:${"ab".repeat(32)}`;

/** Builds as the real one does, and keeps what would be applied. */
const kubectl = (broken = "nothing") => `
case $1 in
  kustomize) exec "$REAL" "$@" ;;
  ${broken}) exit 3 ;;
  apply) "$REAL" kustomize "\${@: -1}" > "$RECORDS/applied" ;;
esac`;

let copy: KubernetesCopy;
let fake: Recorder | undefined;

beforeEach(async () => {
  copy = await copyKubernetes();
});
afterEach(async () => {
  await copy.remove();
  await fake?.remove();
});

async function deployWith(body: string, overlay: string) {
  fake = await record("kubectl", body);
  const { status, stderr } = fake.run(copy.deployScript, [FIRST, overlay, image]);
  const calls = (await fake.calls()).filter((call) => !call.startsWith("kustomize "));
  return { status, stderr, calls };
}

describe.skipIf(isMissing("kubectl")).each(OVERLAYS)("a deployment to %s", (overlay) => {
  test("applies the release, and waits for it in the environment's namespace", async () => {
    const manifests = await build(`${copy.folder}/overlays/${overlay}`);
    const namespace = ofKind(manifests, "Namespace")[0]?.metadata.name;
    const { status, stderr, calls } = await deployWith(kubectl(), overlay);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(calls).toEqual([
      expect.stringMatching(/^apply --kustomize \S+$/),
      expect.stringContaining(`rollout status deployment/${FIRST} --namespace ${namespace} `),
    ]);
  });

  test("waits for longer than Kubernetes does until it calls a release failed", async () => {
    const { calls } = await deployWith(kubectl(), overlay);
    const timeout = Number(/--timeout (\d+)s?$/.exec(calls[1] ?? "")?.[1]);
    const deployments = ofKind(parse((await fake?.recorded("applied")) ?? ""), "Deployment");
    expect(deployments).toHaveLength(1);
    expect(timeout).toBeGreaterThan(deployments[0]?.spec?.progressDeadlineSeconds ?? 600);
  });

  test("applies exactly what a dry run prints, which applies nothing", async () => {
    await deployWith(kubectl(), overlay);
    const applied = parse((await fake?.recorded("applied")) ?? "");
    await fake?.remove();
    fake = await record("kubectl", kubectl());
    const { stdout } = fake.run(copy.deployScript, [FIRST, overlay, image], { DRY_RUN: "1" });
    expect(parse(stdout)).toEqual(applied);
    expect((await fake.calls()).every((call) => call.startsWith("kustomize "))).toBe(true);
  });

  test("waits for nothing when it could not be applied, and fails", async () => {
    const { status, calls } = await deployWith(kubectl("apply"), overlay);
    expect(status).toBe(3);
    expect(calls).toHaveLength(1);
  });

  test("fails when the rollout does, and leaves nothing behind", async () => {
    const before = await readdir(`${copy.folder}/overlays`);
    const { status } = await deployWith(kubectl("rollout"), overlay);
    expect(status).toBe(3);
    expect(await readdir(`${copy.folder}/overlays`)).toEqual(before);
  });
});
