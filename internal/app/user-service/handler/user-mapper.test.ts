import { describe, expect, it } from "vitest";
import { toUserMessage, versionOf } from "./user-mapper.ts";

function etagOf(version: number): string {
  const time = new Date(0);
  return toUserMessage({ id: "", email: "", displayName: "", version, createTime: time, updateTime: time }).etag;
}

describe("an etag", () => {
  it.each([1, 2, 10, 999_999_999])("gives the version %i back", (version) => {
    expect(versionOf(etagOf(version))).toBe(version);
  });

  it("is opaque, and no longer than requests may have it", () => {
    expect(etagOf(1)).not.toMatch(/\d/);
    expect(etagOf(999_999_999).length).toBeLessThanOrEqual(64);
  });

  it("stands for no version when it is empty", () => {
    expect(versionOf("")).toBeUndefined();
  });

  it.each(["v1000000000", "v2147483648", "v9999999999"])(
    "of %s, which the database cannot hold, is none of ours",
    (text) => {
      const etag = Buffer.from(text).toString("base64url");
      expect(() => versionOf(etag)).toThrow(expect.objectContaining({ name: "Aborted", reason: "ETAG_MISMATCH" }));
    },
  );
});
