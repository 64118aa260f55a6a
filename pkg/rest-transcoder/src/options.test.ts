import { describe, expect, test } from "vitest";
import type { RestOptions } from "./options.ts";
import { createRestTranscoder } from "./rest-transcoder.ts";

const create = (options: object) => () => createRestTranscoder(options as RestOptions);

test("without options nothing is refused, nor with undefined ones", () => {
  expect(create({})).not.toThrow();
  expect(create({ maxDepth: undefined, errorFormat: undefined, acceptHeaders: undefined })).not.toThrow();
});

describe.each(["maxQueryPairs", "maxDepth", "writeMaxBytes"])("%s", (name) => {
  test.each([0, -1, Number.NaN, "100", null])("%j is refused by name", (value) => {
    expect(create({ [name]: value })).toThrow(new RangeError(`${name} must be a number above 0: it is ${value}`));
  });

  test("may be any number above 0", () => {
    expect(create({ [name]: 1 })).not.toThrow();
    expect(create({ [name]: Number.POSITIVE_INFINITY })).not.toThrow();
  });
});

test("an unknown errorFormat is refused by name", () => {
  expect(create({ errorFormat: "problem" })).toThrow(
    new RangeError('errorFormat must be "aip-193" or "status": it is "problem"'),
  );
});

test.each(["acceptHeaders", "exposeHeaders"])("%s that is not a list is refused by name", (name) => {
  expect(create({ [name]: "x-*" })).toThrow(new TypeError(`${name} must be "all" or a list: it is "x-*"`));
  expect(create({ [name]: [1] })).toThrow(new RangeError(`${name}: 1 is not a header name`));
});
