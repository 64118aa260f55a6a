import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CallHeaders } from "./call-headers.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 500), seed: 20261121 };

const NAMES = ["a", "A", "x-b", "X-B", "cookie", "Set-Cookie", "set-cookie", "__proto__", "constructor"];
const BAD_NAMES = ["", "a b", "é", "a:", "a\n", ":status", "(a)"];
const name = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...NAMES) }, fc.constantFrom(...BAD_NAMES), fc.string());
const value = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."ab,;= \t\xe9\x7f\x01"), maxLength: 6 }),
  fc.string({ unit: fc.constantFrom(..."a \t\r\n\0\u0100\ud800\xff"), maxLength: 4 }),
);

type Operation = readonly ["get" | "has" | "delete", string] | readonly ["set" | "append", string, string];

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(fc.constantFrom("get" as const, "has" as const, "delete" as const), name),
  fc.tuple(fc.constantFrom("set" as const, "append" as const), name, value),
);

/** What the operation returns, or the class of what it throws. */
function outcome(headers: Headers, [method, ...args]: Operation): unknown {
  try {
    return (headers[method] as (...args: string[]) => unknown).apply(headers, args);
  } catch (error) {
    return (error as Error).constructor.name;
  }
}

function content(headers: Headers) {
  const told: unknown[] = [];
  headers.forEach((...args) => void told.push(args.slice(0, 2)));
  return {
    iterated: [...headers],
    entries: [...headers.entries()],
    keys: [...headers.keys()],
    values: [...headers.values()],
    setCookie: headers.getSetCookie(),
    told,
  };
}

test("any sequence of operations returns, throws and leaves behind what it does with the platform's Headers", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
      const [ours, platform] = [new CallHeaders(), new Headers()];
      for (const step of operations) expect([step, outcome(ours, step)]).toEqual([step, outcome(platform, step)]);
      expect(content(ours)).toEqual(content(platform));
    }),
    parameters,
  );
});

test("the platform takes them for Headers: in copies, in requests, in instanceof", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 10 }), (operations) => {
      const headers = new CallHeaders();
      for (const step of operations) outcome(headers, step);
      const pairs = [...new Headers([...headers])];
      expect([...new Headers(headers)]).toEqual(pairs);
      expect([...new Request("http://a", { headers }).headers]).toEqual(pairs);
    }),
    { ...parameters, numRuns: 50 },
  );
  expect(new CallHeaders()).toBeInstanceOf(Headers);
  expect(String(new CallHeaders())).toBe("[object Headers]");
});

test("nothing is inherited from the platform's Headers, whose methods work on their own instances only", () => {
  expect(Reflect.ownKeys(CallHeaders.prototype)).toEqual(expect.arrayContaining(Reflect.ownKeys(Headers.prototype)));
});

test("shows what it holds when it is inspected", () => {
  const headers = new CallHeaders(["b", "1", "a", "2", "b", "3"]);
  expect(inspect(headers)).toBe("{ a: '2', b: '1, 3' }");
});

test("forEach calls with the given this, and with the headers themselves", () => {
  const headers = new CallHeaders(["a", "1"]);
  const heard: unknown[] = [];
  headers.forEach(function (this: unknown, ...args) {
    heard.push(this, ...args);
  }, heard);
  expect(heard).toEqual([heard, "1", "a", headers]);
  expect(heard[3]).toBe(headers);
});

test("keeps its names and values in the order in which they came", () => {
  const headers = new CallHeaders(["b", "1", "a", "2"]);
  headers.append("B", " 3\t");
  expect(headers.flat()).toEqual(["b", "1", "a", "2", "b", "3"]);
});

test("a value with much white space within is set in time that grows with its length, not with its square", () => {
  const headers = new CallHeaders();
  const value = `a${" ".repeat(200_000)}b`;
  const start = performance.now();
  headers.set("a", value);
  // By its square it would be half a minute.
  expect(performance.now() - start).toBeLessThan(3_000);
  expect(headers.get("a")).toBe(value);
});
