/**
 * Owns the tests of the algebra of resources: ranges, kinds, lists, forms.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addResources,
  allocateResources,
  containsResources,
  equalResources,
  excessResources,
  subtractResources,
  sumScalar,
  unallocateResources,
} from "./resources.js";
import {
  formatResources,
  resourcesProblem,
  withReservationStack,
  withSingleReservation,
} from "./resources-format.js";
import { isSameKind } from "./resources-kind.js";
import {
  containsRanges,
  countRanges,
  equalRanges,
  intersectRanges,
  normalizeRanges,
  rangesOf,
  subtractRanges,
  takeFromRanges,
} from "./resources-ranges.js";
import type { Resource, ValueRange } from "./types.js";

const cpus = (value: number): Resource => ({ name: "cpus", type: "SCALAR", scalar: { value } });
const ports = (...range: readonly ValueRange[]): Resource => ({
  name: "ports",
  type: "RANGES",
  ranges: { range },
});
const range = (begin: number, end: number): ValueRange => ({ begin, end });
const labels = { labels: [{ key: "instance", value: "kv-0" }] };
const reserved = (resource: Resource, more = {}): Resource => ({
  ...resource,
  reservations: [{ type: "DYNAMIC", role: "kv", principal: "kv", ...more }],
});
const volume = (id: string, value = 64): Resource => ({
  ...reserved({ name: "disk", type: "SCALAR", scalar: { value } }),
  disk: { persistence: { id, principal: "kv" }, volume: { container_path: "data", mode: "RW" } },
});

/** The numbers of small ranges, for comparison with sets. */
const numbers = (ranges: readonly ValueRange[]): ReadonlySet<number> =>
  new Set(
    ranges.flatMap(({ begin, end }) =>
      end < begin ? [] : Array.from({ length: end - begin + 1 }, (_, index) => begin + index),
    ),
  );
const anyRanges = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: -2, max: 8 }))
    .map(([begin, length]) => range(begin, begin + length)),
  { maxLength: 6 },
);

describe("ranges", () => {
  test.each<[readonly ValueRange[], readonly ValueRange[]]>([
    [[], []],
    [[range(5, 4)], []],
    [[range(3, 4), range(1, 2)], [range(1, 4)]],
    [[range(1, 9), range(2, 3)], [range(1, 9)]],
    [
      [range(1, 1), range(3, 3)],
      [range(1, 1), range(3, 3)],
    ],
  ])("normalizeRanges(%j) is %j", (ranges, expected) => {
    expect(normalizeRanges(ranges)).toEqual(expected);
  });

  test("they behave as sets of numbers, and are always sorted, disjoint and not touching", () => {
    fc.assert(
      fc.property(anyRanges, anyRanges, (a, b) => {
        const [x, y] = [numbers(a), numbers(b)];
        const minus = subtractRanges(a, b);
        expect(numbers(minus)).toEqual(
          new Set([...x].filter((value) => !y.has(value)).sort((p, q) => p - q)),
        );
        expect(numbers(intersectRanges(a, b))).toEqual(
          new Set([...x].filter((value) => y.has(value)).sort((p, q) => p - q)),
        );
        expect(containsRanges(a, b)).toBe([...y].every((value) => x.has(value)));
        expect(equalRanges(a, b)).toBe(containsRanges(a, b) && containsRanges(b, a));
        expect(countRanges(a)).toBe(x.size);
        for (const result of [minus, normalizeRanges(a)]) {
          for (const [index, one] of result.entries()) {
            const next = result[index + 1];
            expect(one.begin <= one.end && (next === undefined || next.begin > one.end + 1)).toBe(
              true,
            );
          }
        }
      }),
    );
  });

  test("wide ranges cost no time for each number", () => {
    const wide = [range(0, 2 ** 53 - 1)];
    expect(subtractRanges(wide, [range(1_000, 2_000)])).toEqual([
      range(0, 999),
      range(2_001, 2 ** 53 - 1),
    ]);
  });

  test("takeFromRanges takes the lowest, or draws, or says that there are too few", () => {
    const from = [range(31_000, 31_001), range(31_005, 31_006)];
    expect(takeFromRanges(from, 3)).toEqual([31_000, 31_001, 31_005]);
    expect(takeFromRanges(from, 5)).toBeUndefined();
    expect(takeFromRanges(from, 2, () => 0.999)).toEqual([31_006, 31_005]);
    fc.assert(
      fc.property(
        anyRanges,
        fc.integer({ min: 0, max: 12 }),
        fc.float({ min: 0, max: Math.fround(0.99), noNaN: true }),
        (ranges, count, drawn) => {
          const taken = takeFromRanges(ranges, count, () => drawn);
          const all = numbers(ranges);
          expect(taken === undefined).toBe(all.size < count);
          if (taken === undefined) return;
          expect(new Set(taken).size).toBe(count);
          expect(taken.every((value) => all.has(value))).toBe(true);
        },
      ),
    );
    expect(rangesOf([3, 1, 2, 7])).toEqual([range(1, 3), range(7, 7)]);
  });
});

describe("kinds", () => {
  test.each<[string, Resource, Resource, boolean]>([
    ["amount", cpus(1), cpus(2), true],
    ["name", cpus(1), { ...cpus(1), name: "mem" }, false],
    ["role * and unset", cpus(1), { ...cpus(1), role: "*" }, true],
    ["allocation role", cpus(1), { ...cpus(1), allocation_info: { role: "a" } }, false],
    [
      "old and new form of one reservation",
      reserved(cpus(1)),
      { ...cpus(1), role: "kv", reservation: { principal: "kv" } },
      true,
    ],
    ["labels set and unset", reserved(cpus(1)), reserved(cpus(1), { labels: {} }), false],
    [
      "empty labels",
      reserved(cpus(1), { labels: { labels: [] } }),
      reserved(cpus(1), { labels: {} }),
      true,
    ],
    ["equal labels", reserved(cpus(1), { labels }), reserved(cpus(2), { labels }), true],
    ["principal", reserved(cpus(1)), reserved(cpus(1), { principal: "x" }), false],
    ["revocable", cpus(1), { ...cpus(1), revocable: {} }, false],
    ["persistence id", volume("a"), volume("b"), false],
    [
      "volume and principal of a disk do not count",
      volume("a"),
      { ...volume("a"), disk: { persistence: { id: "a" } } },
      true,
    ],
    ["a field of a newer Mesos", cpus(1), { ...cpus(1), tier: "x" } as Resource, false],
  ])("%s", (_what, a, b, expected) => {
    expect(isSameKind(a, b)).toBe(expected);
    expect(isSameKind(b, a)).toBe(expected);
  });
});

describe("lists", () => {
  test("scalars are whole thousandths", () => {
    expect(addResources([cpus(0.1)], [cpus(0.2)])).toEqual([cpus(0.3)]);
    expect(subtractResources([cpus(0.3)], [cpus(0.30000000000000004)])).toEqual([]);
    expect(addResources([cpus(0.0004)])).toEqual([]);
    expect(sumScalar([cpus(0.1), reserved(cpus(0.2))], "cpus")).toBe(300);
  });

  test("buckets do not help each other out", () => {
    const have = [cpus(0.5), reserved(cpus(0.5))];
    expect(containsResources(have, [cpus(1)])).toBe(false);
    expect(containsResources(have, [cpus(0.5), reserved(cpus(0.5))])).toBe(true);
  });

  test("a volume is taken whole or not at all", () => {
    const have = addResources([volume("a")], [volume("b")]);
    expect(subtractResources(have, [volume("a", 32)])).toBeUndefined();
    expect(subtractResources(have, [volume("a")])).toEqual([volume("b")]);
    expect(addResources([volume("a")], [volume("a")])).toHaveLength(2);
  });

  test("fields that nobody knows survive every operation", () => {
    const odd = { ...cpus(4), tier: { deep: [1] } } as Resource;
    const rest = subtractResources([odd], [{ ...odd, scalar: { value: 1 } }]);
    expect(rest).toEqual([{ ...odd, scalar: { value: 3 } }]);
    expect(unallocateResources(allocateResources([odd], "r"))).toEqual([odd]);
    const split = subtractResources([ports(range(1, 9))], [ports(range(4, 5))]);
    expect(split).toEqual([ports(range(1, 3), range(6, 9))]);
  });

  const anyResource = fc.oneof(
    fc.integer({ min: 0, max: 4_000 }).map((value) => cpus(value / 1000)),
    fc.integer({ min: 0, max: 4_000 }).map((value) => reserved(cpus(value / 1000))),
    fc.integer({ min: 0, max: 4_000 }).map((value) => reserved(cpus(value / 1000), { labels })),
    anyRanges.map((ranges) => ports(...normalizeRanges(ranges))),
    fc.constantFrom("a", "b").map((id) => volume(id)),
  );
  const anyList = fc.array(anyResource, { maxLength: 5 });
  /** Ranges of different entries overlap and do not add up as amounts do. */
  const isDisjoint = (list: readonly Resource[]) => {
    const ranges = list.flatMap((one) => one.ranges?.range ?? []);
    return countRanges(ranges) === ranges.reduce((sum, one) => sum + countRanges([one]), 0);
  };

  test("what is added can be subtracted again, exactly", () => {
    fc.assert(
      fc.property(anyList, anyList, (a, b) => {
        fc.pre(isDisjoint([...a, ...b]));
        const sum = addResources(a, b);
        const back = subtractResources(sum, b);
        expect(back === undefined ? undefined : equalResources(back, a)).toBe(true);
        expect(containsResources(sum, a)).toBe(true);
        expect(equalResources(addResources(excessResources(sum, a), a), sum)).toBe(true);
      }),
    );
  });

  test("nothing is subtracted that is not there, and the rest holds less", () => {
    fc.assert(
      fc.property(anyList, anyList, (a, b) => {
        const rest = subtractResources(a, b);
        expect(rest !== undefined).toBe(containsResources(a, b));
        if (rest === undefined) return;
        expect(sumScalar(rest, "cpus")).toBe(
          sumScalar(a, "cpus") - sumScalar(addResources(b), "cpus"),
        );
        expect(rest.every((one) => (one.scalar?.value ?? 1) > 0)).toBe(true);
      }),
    );
  });
});

describe("forms", () => {
  test("the old form of reservations and back", () => {
    const dynamic = reserved(cpus(1), { labels });
    const old: Resource = { ...cpus(1), role: "kv", reservation: { principal: "kv", labels } };
    expect(withSingleReservation(dynamic)).toEqual(old);
    expect(withReservationStack(old)).toEqual(dynamic);
    expect(withSingleReservation(cpus(1))).toEqual({ ...cpus(1), role: "*" });
    const fixed: Resource = { ...cpus(1), role: "kv" };
    expect(withSingleReservation(withReservationStack(fixed))).toEqual(fixed);
    const refined = {
      ...dynamic,
      reservations: [...(dynamic.reservations ?? []), { role: "kv/a" }],
    };
    expect(withSingleReservation(refined)).toBeUndefined();
  });

  test.each<[Resource, boolean]>([
    [cpus(1), true],
    [cpus(-1), false],
    [cpus(Number.NaN), false],
    [{ name: "cpus", type: "SCALAR" }, false],
    [{ name: "", type: "SCALAR", scalar: { value: 1 } }, false],
    [ports(range(2, 1)), false],
    [ports(range(1, 5), range(5, 6)), false],
    [ports(range(6, 9), range(1, 5)), true],
    [{ name: "x", type: "TEXT" }, false],
    [{ ...reserved(cpus(1)), role: "kv" }, false],
    [{ ...cpus(1), disk: {} }, false],
  ])("%j is well formed: %s", (resource, expected) => {
    expect(resourcesProblem([resource]) === undefined).toBe(expected);
  });

  test("the text is that of a real master", () => {
    const list = allocateResources([ports(range(6379, 6500)), cpus(4)], "trace");
    expect(formatResources(list)).toBe(
      "ports(allocated: trace):[6379-6500]; cpus(allocated: trace):4",
    );
  });
});
