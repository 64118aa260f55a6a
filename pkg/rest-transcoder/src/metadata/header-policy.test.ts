import { expect, test } from "vitest";
import { createHeaderPolicy } from "./header-policy.ts";

const names = (headers: Headers) => [...headers.keys()];

test("by itself everything passes, and costs nothing", () => {
  expect(createHeaderPolicy({})).toEqual({ hideRequestHeaders: undefined, hideMetadata: undefined });
  expect(createHeaderPolicy({ acceptHeaders: "all", exposeHeaders: "all" }).hideMetadata).toBeUndefined();
});

test("handlers see the request headers of the list, by name in any case and by beginning", () => {
  const { hideRequestHeaders } = createHeaderPolicy({ acceptHeaders: ["Authorization", "X-*"] });
  const headers = new Headers({ authorization: "1", "x-": "2", "x-a": "3", xa: "4", authorization2: "5" });
  hideRequestHeaders?.(headers);
  expect(names(headers)).toEqual(["authorization", "x-", "x-a"]);
});

test("an empty list hides all, and * nothing", () => {
  const [none, all] = [new Headers({ a: "1" }), new Headers({ a: "1" })];
  createHeaderPolicy({ acceptHeaders: [] }).hideRequestHeaders?.(none);
  createHeaderPolicy({ acceptHeaders: ["*"] }).hideRequestHeaders?.(all);
  expect([names(none), names(all)]).toEqual([[], ["a"]]);
});

test("clients get the headers and trailers of the list", () => {
  const { hideMetadata } = createHeaderPolicy({ exposeHeaders: ["x-request-id", "X-Rate-*"] });
  const responseHeader = new Headers({ "x-request-id": "1", "x-rate-left": "2", "x-other": "3" });
  const responseTrailer = new Headers({ "x-rate-cost": "1", other: "2" });
  for (const metadata of [responseHeader, responseTrailer]) hideMetadata?.(metadata);
  expect([names(responseHeader), names(responseTrailer)]).toEqual([["x-rate-left", "x-request-id"], ["x-rate-cost"]]);
});

test.each(["", "a b", "x-*-y", "a:", "é", "**"])("%j is refused as a header name", (name) => {
  expect(() => createHeaderPolicy({ acceptHeaders: [name] })).toThrow("acceptHeaders");
  expect(() => createHeaderPolicy({ exposeHeaders: [name] })).toThrow("exposeHeaders");
});
