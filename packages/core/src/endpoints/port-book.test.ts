/**
 * Tests port-book.ts: no port twice, as many as there are, the same place for the same name.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameHash, ProxyPortBook, portsOf } from "./port-book.js";

const range = { first: 20_000, last: 20_009 };

describe("giving", () => {
  it("begins at the place of the name and goes round at the end", () => {
    const book = new ProxyPortBook(range);
    const start = nameHash("inst") % 10;
    const at = (step: number): number => 20_000 + ((start + step) % 10);
    expect(book.give("inst", true)).toEqual({ write: at(0), read: at(1) });
    expect(book.of("inst")).toEqual({ write: at(0), read: at(1) });
    book.release("inst");
    expect(book.take("other", { write: at(0), read: null })).toBeNull();
    expect(book.give("inst", false)).toEqual({ write: at(1), read: null });
  });

  it("gives a name that is created again its old ports", () => {
    const book = new ProxyPortBook({ first: 20_000, last: 29_999 });
    for (let index = 0; index < 1_000; index += 1) book.give(`n${index}`, false);
    const before = book.give("inst", true);
    expect(book.release("inst")).toBe(true);
    book.give("another", true);
    expect(book.give("inst", true)).toEqual(before);
  });

  it("ends when there are not enough, and goes on when some are freed", () => {
    const book = new ProxyPortBook({ first: 20_000, last: 20_002 });
    expect(book.give("a", true)).not.toBeNull();
    expect(book.give("b", true)).toBeNull();
    expect(book.free).toBe(1);
    expect(book.give("b", false)).not.toBeNull();
    expect(book.give("c", false)).toBeNull();
    book.release("a");
    expect(book.give("c", true)).not.toBeNull();
  });

  it("gives none without a range", () => {
    const book = new ProxyPortBook(null);
    expect([book.give("a", false), book.free]).toEqual([null, 0]);
    expect(book.take("old", { write: 7_000, read: 7_001 })).toBeNull();
    expect(book.of("old")).toEqual({ write: 7_000, read: 7_001 });
  });
});

it("ports of an older range stay with their owner and cost none of the new one", () => {
  const book = new ProxyPortBook(range);
  expect(book.take("old", { write: 7_000, read: 20_000 })).toBeNull();
  expect(book.free).toBe(9);
  expect(book.take("new", { write: 20_001, read: 7_000 })).toBe("old");
  expect([book.of("new"), book.free]).toEqual([null, 9]);
  book.release("old");
  expect([book.free, book.release("old")]).toEqual([10, false]);
});

it("never gives a port twice, and counts right", () => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"),
    kind: fc.constantFrom("one" as const, "two" as const, "release" as const),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const book = new ProxyPortBook({ first: 20_000, last: 20_006 });
      const held = new Map<string, readonly number[]>();
      for (const { name, kind } of steps) {
        if (kind === "release") {
          expect(book.release(name)).toBe(held.delete(name));
          continue;
        }
        if (held.has(name)) continue;
        const wanted = kind === "two" ? 2 : 1;
        const free = 7 - [...held.values()].flat().length;
        const ports = book.give(name, kind === "two");
        expect(ports === null).toBe(free < wanted);
        if (ports !== null) held.set(name, portsOf(ports));
        const all = [...held.values()].flat();
        expect(new Set(all).size).toBe(all.length);
        expect(all.every((port) => port >= 20_000 && port <= 20_006)).toBe(true);
        expect(book.free).toBe(7 - all.length);
      }
    }),
  );
});

it("spreads names evenly", () => {
  const counts = new Array<number>(10).fill(0);
  for (let index = 0; index < 10_000; index += 1) {
    const place = nameHash(`instance-${index}`) % 10;
    counts[place] = (counts[place] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(800);
  expect(Math.max(...counts)).toBeLessThan(1_200);
});
