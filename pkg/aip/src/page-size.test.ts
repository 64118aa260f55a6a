import { describe, expect, test } from "vitest";
import { PageSizeError, resolvePageSize } from "./page-size.ts";

describe("resolvePageSize", () => {
  test("takes 50 when the client names no size", () => {
    expect(resolvePageSize(0)).toBe(50);
  });

  test("takes the given default when the client names no size", () => {
    expect(resolvePageSize(0, { defaultSize: 20 })).toBe(20);
  });

  test("keeps a size up to the maximum", () => {
    expect(resolvePageSize(1)).toBe(1);
    expect(resolvePageSize(1000)).toBe(1000);
  });

  test("coerces a size above the maximum down to it", () => {
    expect(resolvePageSize(1001)).toBe(1000);
    expect(resolvePageSize(2 ** 31 - 1, { maxSize: 10 })).toBe(10);
  });

  test("never exceeds the maximum by default either", () => {
    expect(resolvePageSize(0, { maxSize: 10 })).toBe(10);
  });

  test.each([-1, -(2 ** 31), 1.5, Number.NaN])("refuses %d, and says what it got", (requested) => {
    const attempt = () => resolvePageSize(requested);

    expect(attempt).toThrow(PageSizeError);
    expect(attempt).toThrow(expect.objectContaining({ name: "PageSizeError", requested }));
  });
});
