import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectationsOf } from "./expectations.ts";
import { problemsWith } from "./rules.ts";
import { build, buildYaml, cannotBuild, check, isMissing, KUBERNETES, OVERLAYS } from "./tools.ts";

const SCHEMAS = "test/manifests/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json";

/** Base with a component that no overlay uses. */
const ALTERNATIVES = ["ingress", "external-secrets"] as const;
let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "manifests-"));
  await cp(KUBERNETES, copy, { recursive: true });
  for (const component of ALTERNATIVES) {
    const folder = join(copy, "overlays", component);
    await cp(join(copy, "overlays/production"), folder, { recursive: true });
    await writeFile(
      join(folder, "kustomization.yaml"),
      `namespace: user-test\nresources: [../../base]\ncomponents: [../../components/${component}]\n`,
    );
  }
});
afterAll(() => rm(copy, { recursive: true, force: true }));

test.skipIf(cannotBuild).each(ALTERNATIVES)("the component %s fits the base", async (component) => {
  const manifests = await build(join(copy, "overlays", component));
  expect(problemsWith(manifests, await expectationsOf(component, ["user-service"]))).toEqual([]);
});

test.skipIf(cannotBuild)("the example's ExternalSecret makes the Secret that the Deployment refers to", async () => {
  const yaml = await buildYaml(join(copy, "overlays/external-secrets"));
  expect(yaml).toMatch(/kind: ExternalSecret\nmetadata:\n {2}name: user-service-database/);
  expect(yaml).toMatch(/secretKey: DATABASE_URL\n/);
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

describe.skipIf(cannotBuild).each([...OVERLAYS, ...ALTERNATIVES])("%s", (overlay) => {
  test.skipIf(isWithoutKubeconform)("is what Kubernetes' own schemas allow, to kubeconform", async () => {
    const { code, output } = check(
      "kubeconform",
      ["-strict", "-summary", "-schema-location", SCHEMAS],
      await buildYaml(join(copy, "overlays", overlay)),
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
      await buildYaml(join(copy, "overlays", overlay)),
    );
    expect(output).toContain("[OK] user-service");
    expect(output.split("\n").filter((line) => /^\[(WARNING|CRITICAL)\]/.test(line))).toEqual([]);
  });
});
