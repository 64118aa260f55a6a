import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findAsset } from "./find-asset.ts";

function tree(): string {
  const root = mkdtempSync(join(tmpdir(), "assets-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "configs"));
  mkdirSync(join(root, "a", "b"), { recursive: true });
  writeFileSync(join(root, "configs", "x.json"), "{}");
  return root;
}

test("an asset is found beside the running code, and in every folder around it", () => {
  const root = tree();
  for (const from of [root, join(root, "a"), join(root, "a", "b")]) {
    expect(findAsset("configs/x.json", from)).toBe(join(root, "configs", "x.json"));
  }
});

test("a folder is an asset too, and the nearest one is meant", () => {
  const root = tree();
  mkdirSync(join(root, "a", "configs"));
  expect(findAsset("configs", join(root, "a", "b"))).toBe(join(root, "a", "configs"));
});

test("the sources find what stands at the repository's root", () => {
  expect(findAsset("configs/user-service")).toBe(resolve(import.meta.dirname, "../../../configs/user-service"));
});

test("an asset that is nowhere is an error that names it", () => {
  expect(() => findAsset("no/such-asset.json", tmpdir())).toThrow(`no/such-asset.json is neither in ${tmpdir()}`);
});
