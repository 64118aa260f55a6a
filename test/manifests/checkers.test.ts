import { mkdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectationsOf } from "./expectations.ts";
import { copyKubernetes, type KubernetesCopy } from "./kubernetes-copy.ts";
import { problemsWith } from "./rules.ts";
import {
  build,
  buildYaml,
  COMPONENTS,
  cannotBuild,
  check,
  isMissing,
  KUBERNETES,
  OVERLAYS,
  SERVICES,
} from "./tools.ts";

const SCHEMAS = "test/manifests/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json";

/** Overlays of the base and one component: an environment may have it, or not. */
const SINGLE = COMPONENTS.map((component) => `only-${component}`);
let copy: KubernetesCopy;

beforeAll(async () => {
  copy = await copyKubernetes();
  for (const component of COMPONENTS) {
    const folder = `${copy.folder}/overlays/only-${component}`;
    await mkdir(folder);
    await writeFile(`${folder}/kustomization.yaml`, overlayWith(component));
  }
});
afterAll(() => copy.remove());

const overlayWith = (component: string) => `
namespace: services-test
resources: [../../base]
components: [../../components/${component}]
patches:
  - target: { kind: NetworkPolicy, name: allow-database }
    patch: |
      - { op: replace, path: /spec/egress/0/to, value: [{ ipBlock: { cidr: 10.0.0.0/24 } }] }
`;

test.skipIf(cannotBuild).each(SINGLE)("the base with one component, %s, is whole", async (overlay) => {
  const manifests = await build(`${copy.folder}/overlays/${overlay}`);
  expect(problemsWith(manifests, await expectationsOf(SERVICES))).toEqual([]);
});

test.skipIf(cannotBuild)("an overlay that forgets where its databases are reaches none, and is told", async () => {
  const problems = problemsWith(await build(`${KUBERNETES}/base`), await expectationsOf(SERVICES));
  expect(problems).toContain(
    "NetworkPolicy allow-database has the base's addresses, which lead nowhere: the overlay must say where",
  );
});

const isWithoutHadolint = isMissing("hadolint");
test.skipIf(isWithoutHadolint)("hadolint finds no fault with the Dockerfile", async () => {
  expect(check("hadolint", ["-"], await readFile("build/package/Dockerfile", "utf8"))).toEqual({ code: 0, output: "" });
});

const isWithoutPromtool = isMissing("promtool");
test.skipIf(isWithoutPromtool)("promtool accepts what compose's Prometheus is told", async () => {
  expect(check("promtool", ["check", "config", "deployments/prometheus.yml"], "")).toMatchObject({ code: 0 });
});

const isWithoutKubeconform = isMissing("kubeconform");
const isWithoutKubeScore = isMissing("kube-score");

describe.skipIf(cannotBuild).each([...OVERLAYS, ...SINGLE])("%s", (overlay) => {
  test.skipIf(isWithoutKubeconform)("is what Kubernetes' own schemas allow, to kubeconform", async () => {
    const { code, output } = check(
      "kubeconform",
      ["-strict", "-summary", "-schema-location", SCHEMAS],
      await buildYaml(`${copy.folder}/overlays/${overlay}`),
    );
    expect(output).toMatch(/Valid: \d+, Invalid: 0, Errors: 0, Skipped: 0/);
    expect(code).toBe(0);
  });

  // No CPU limit, on purpose: throttling a process that serves with one core shows as latency, and bounds nothing that
  // requests do not. All other exceptions are annotations, each with its reason beside it.
  test.skipIf(isWithoutKubeScore)("leaves kube-score nothing to say", async () => {
    const { output } = check(
      "kube-score",
      ["score", "--ignore-container-cpu-limit", "--output-format", "ci", "-"],
      await buildYaml(`${copy.folder}/overlays/${overlay}`),
    );
    for (const service of SERVICES) expect(output).toContain(`[OK] ${service}`);
    expect(output.split("\n").filter((line) => /^\[(WARNING|CRITICAL)\]/.test(line))).toEqual([]);
  });
});
