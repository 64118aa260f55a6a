import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";

const parameters = { numRuns: Number(process.env.FUZZ_RUNS ?? 500), seed: 20261121 };

test("holds up to its limit, and again what was released", () => {
  const budget = new ByteBudget(10);
  expect([budget.tryHold(4), budget.tryHold(6), budget.tryHold(1), budget.heldBytes]).toEqual([true, true, false, 10]);
  budget.release(4);
  expect([budget.tryHold(5), budget.tryHold(4), budget.heldBytes]).toEqual([false, true, 10]);
});

test("what the process has no room for is not held for the connection either", () => {
  const process = new ByteBudget(10);
  const [first, second] = [new ByteBudget(8, process), new ByteBudget(8, process)];
  expect([first.tryHold(8), second.tryHold(3), second.heldBytes, process.heldBytes]).toEqual([true, false, 0, 8]);
});

test("whatever is held and released, the process holds the sum of its connections, and neither is above its limit", () => {
  const step = fc.record({ connection: fc.nat({ max: 2 }), bytes: fc.nat({ max: 60 }), release: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const process = new ByteBudget(150);
      const connections = [0, 1, 2].map(() => ({ budget: new ByteBudget(100, process), held: [] as number[] }));
      for (const { connection, bytes, release } of steps) {
        const { budget, held } = connections[connection] ?? expect.unreachable();
        if (release) budget.release(held.pop() ?? 0);
        else {
          const fits = budget.heldBytes + bytes <= 100 && process.heldBytes + bytes <= 150;
          expect(budget.tryHold(bytes)).toBe(fits);
          if (fits) held.push(bytes);
        }
        const sums = connections.map(({ held }) => held.reduce((a, b) => a + b, 0));
        expect(connections.map(({ budget }) => budget.heldBytes)).toEqual(sums);
        expect(process.heldBytes).toBe(sums.reduce((a, b) => a + b, 0));
      }
    }),
    parameters,
  );
});
