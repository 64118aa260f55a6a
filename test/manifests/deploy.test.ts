import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyKubernetes, FIRST, FURTHER, type KubernetesCopy } from "./kubernetes-copy.ts";
import { containersOf, type Manifest, nameOf, ofKind, selects, workloads } from "./manifest.ts";
import { build, isMissing, OVERLAYS, parse } from "./tools.ts";

const imageOf = (service: string) => `ghcr.io/owner/${service}@sha256:${"ab".repeat(32)}`;
let copy: KubernetesCopy;

beforeAll(async () => {
  copy = await copyKubernetes();
  await copy.addService(FURTHER);
});
afterAll(() => copy.remove());

const deploy = (...args: string[]) =>
  spawnSync("bash", [copy.deployScript, ...args], { encoding: "utf8", env: { ...process.env, DRY_RUN: "1" } });

const isWithoutKubectl = isMissing("kubectl");
describe.skipIf(isWithoutKubectl).each(OVERLAYS)("a deployment to %s", (overlay) => {
  test.each([FIRST, FURTHER])("runs the image of the release of %s, and migrates with it", (service) => {
    const { status, stdout, stderr } = deploy(service, overlay, imageOf(service));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const images = workloads(parse(stdout))
      .flatMap(containersOf)
      .filter(({ args }) => args?.includes("migrate") || args?.includes("serve"))
      .map((container) => container.image);
    expect(images).toEqual([imageOf(service), imageOf(service)]);
  });

  test("applies what is the environment's and the service's, and nothing of another one, which goes on as it runs", async () => {
    const applied = parse(deploy(FURTHER, overlay, imageOf(FURTHER)).stdout).map(nameOf);
    const all = await build(`${copy.folder}/overlays/${overlay}`);
    expect(applied.toSorted()).toEqual(all.filter(isNotOfAnother).map(nameOf).toSorted());
    expect(applied).toEqual(expect.arrayContaining([`Deployment ${FURTHER}`, "NetworkPolicy default-deny"]));
    expect(ofKind(all, "Deployment").length).toBeGreaterThan(1);
    expect(applied.filter((name) => name.startsWith("Deployment "))).toEqual([`Deployment ${FURTHER}`]);
  });
});

/** rules.ts sees to it that all that is a service's has these labels. */
const isNotOfAnother = ({ metadata }: Manifest) =>
  !selects({ "app.kubernetes.io/component": "rpc-service" }, metadata.labels) ||
  selects({ "app.kubernetes.io/name": FURTHER }, metadata.labels);

test("an image that is not named by its digest is refused: a tag may be moved", () => {
  expect(deploy(FIRST, OVERLAYS[0] ?? "", `ghcr.io/owner/${FIRST}:1.2.3`)).toMatchObject({
    status: 64,
    stderr: expect.stringContaining("by its digest"),
  });
});

test("another service's image is refused", () => {
  expect(deploy(FIRST, OVERLAYS[0] ?? "", imageOf(FURTHER))).toMatchObject({
    status: 64,
    stderr: expect.stringContaining(`registry/${FIRST}@`),
  });
});

test.each(["moon", "../base", "", "dev/../dev"])(
  "the environment %j, which is no overlay, is refused",
  (environment) => {
    expect(deploy(FIRST, environment, imageOf(FIRST))).toMatchObject({
      status: 64,
      stderr: `deploy.sh: there is no overlay ${environment}\n`,
    });
  },
);

test.each(["", 'namespace: ""'])(
  "an overlay without a namespace (%j) is refused: kubectl would choose one",
  async (line) => {
    const overlay = join(copy.folder, "overlays/nowhere");
    await mkdir(overlay, { recursive: true });
    await writeFile(join(overlay, "kustomization.yaml"), `resources: [../../base]\n${line}\n`);
    expect(deploy(FIRST, "nowhere", imageOf(FIRST))).toMatchObject({
      status: 64,
      stderr: "deploy.sh: the overlay nowhere names no namespace\n",
    });
  },
);

test("a service that is not there is refused", () => {
  expect(deploy("moon", OVERLAYS[0] ?? "", imageOf("moon"))).toMatchObject({
    status: 64,
    stderr: expect.stringContaining("no service moon"),
  });
});

test("without its three arguments it says which they are", () => {
  expect(deploy()).toMatchObject({ status: 64, stderr: expect.stringContaining("SERVICE ENVIRONMENT") });
});
