/**
 * Tests of the seeded random numbers. SPDX-License-Identifier: Apache-2.0
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom } from "./random.js";

const draw = (seed: number): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: 20 }, () => random.next());
};

test("a seed repeats its numbers, another one has others", () => {
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test("integers stay within their bounds and reach both", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: -5, max: 5 }), fc.nat(4), (seed, min, span) => {
      const random = createRandom(seed);
      const seen = new Set(Array.from({ length: 200 }, () => random.integer(min, min + span)));
      expect([...seen].sort((left, right) => left - right)).toEqual(
        Array.from({ length: span + 1 }, (_, index) => min + index),
      );
    }),
  );
});

test("shuffle keeps the elements, pick takes one of them", () => {
  const random = createRandom(3);
  const list = [1, 2, 3, 4, 5];
  const shuffled = random.shuffle(list);
  expect([...shuffled].sort()).toEqual(list);
  expect(list).toContain(random.pick(list));
  expect(list).toEqual([1, 2, 3, 4, 5]);
});

test("a fork does not depend on what its parent drew", () => {
  const parent = createRandom(5);
  const before = parent.fork("store").next();
  parent.next();
  expect(parent.fork("store").next()).toBe(before);
  expect(parent.fork("network").next()).not.toBe(before);
});

test("the numbers are spread evenly", () => {
  const random = createRandom(1);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let drawn = 0; drawn < 20_000; drawn += 1) {
    const bucket = random.integer(0, 9);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(250);
});
