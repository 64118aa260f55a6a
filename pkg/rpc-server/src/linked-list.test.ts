import { expect, test } from "vitest";
import { type Linked, LinkedList } from "./linked-list.ts";

class Item implements Linked {
  previous: Linked | undefined;
  next: Linked | undefined;
}

test("what was added last comes first, and what was removed no more", () => {
  const [a, b, c] = [new Item(), new Item(), new Item()];
  const list = new LinkedList<Item>();
  for (const item of [a, b, c]) list.add(item);
  expect([...list]).toEqual([c, b, a]);
  for (const item of [b, c, a]) {
    expect(list.remove(item)).toBe(true);
    expect([...list]).not.toContain(item);
  }
  expect(list.size).toBe(0);
});

test("what is not in the list is not removed", () => {
  const list = new LinkedList<Item>();
  list.add(new Item());
  expect(list.remove(new Item())).toBe(false);
  expect(list.size).toBe(1);
});

test("items may take themselves out while they are gone through", () => {
  const list = new LinkedList<Item>();
  for (let i = 0; i < 3; i++) list.add(new Item());
  for (const item of list) list.remove(item);
  expect([...list]).toEqual([]);
});
