import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { isMissing, OVERLAYS } from "./tools.ts";

const image = `ghcr.io/owner/user-service@sha256:${"ab".repeat(32)}`;
const deploy = (...args: string[]) =>
  spawnSync("bash", ["build/ci/deploy.sh", ...args], { encoding: "utf8", env: { ...process.env, DRY_RUN: "1" } });

const isWithoutKubectl = isMissing("kubectl");
test.skipIf(isWithoutKubectl).each(OVERLAYS)(
  "a deployment to %s runs the image of the release, and migrates with it",
  (overlay) => {
    const { status, stdout, stderr } = deploy("user-service", overlay, image);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const images = stdout.match(/(?<=image: ).*user-service.*/g);
    expect(images).toEqual([image, image]);
  },
);

test("an image that is not named by its digest is refused: a tag may be moved", () => {
  expect(deploy("user-service", "production", "ghcr.io/owner/user-service:1.2.3")).toMatchObject({
    status: 64,
    stderr: expect.stringContaining("by its digest"),
  });
});

test("an environment without an overlay is refused", () => {
  expect(deploy("user-service", "moon", image)).toMatchObject({ status: 64, stderr: expect.stringContaining("moon") });
});
